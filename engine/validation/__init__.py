"""Published laws that the engine must reproduce, and the command that checks them.

Stands on the public face of the engine (`EventQueue`, `OrderBook`, pools, lending; the native sources on `World`) and
numpy; nothing here re-implements either.

::

    command    firesale validate WHAT: options, table, JSON, exit status
    registry   the sets that there are, by name
    events     the set "events": laws of queues, populations, point processes, timers and of the clock
      queues, populations, hawkes, superposition, poisson_book, timers, ties, fifo, clock_bias    one law or path each
      native_sources    arrivals and lives that the simulator's own agents make
      little     time average and stays, for queues and levels
    lending    the set "lending": numbers that are known exactly
      lending_loops, lending_spread, lending_protocols, lending_exits    loops, liquidations, presets, ways out
      claim      a measured, an exact and a printed number
    line       what a check reports;  plan: seed and size of a run;  clock: milliseconds in a unit of model time
    draws      keyed draws as arrays;  statistics: distances, errors, tails

Each law is two things that do not know each other: a *path* (`simulate_...`), driven by the engine, and a judgement of
arrays (`..._lines`). A source of arrivals that was simulated elsewhere, natively say, is judged by handing its arrays
over; times are int64 milliseconds, ascending:

* ``poisson_lines(name, times_ms, rate)``, ``superposition_lines(times_ms, source, rates)``;
* ``hawkes_lines(times_ms, law, until_ms, plan)``;
* ``station_lines(path, law, plan)``, ``little_line(name, counted, stays, window_ms)``;
* ``population_lines(name, counts, law)``, ``occupancy_lines(name, change_ms, in_level, law, window_ms)``.

Rates are per unit of model time, 10^6 ms.
"""
