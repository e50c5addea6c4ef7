"""Published laws that the engine must reproduce, and the command that checks them.

Stands on the public face of the engine (`EventQueue`, `OrderBook`) and numpy; nothing here re-implements either.

::

    command    firesale validate WHAT: options, table, JSON, exit status
    registry   the sets that there are, by name
    events     the set "events": laws of queues, populations, point processes, timers and of the clock
      queues, populations, hawkes, superposition, poisson_book, timers, ties, fifo, clock    one law, or one path, each
    line       what a check reports;  plan: seed and size of a run
    draws      keyed draws as arrays;  statistics: distances, errors, tails

Each law is two things that do not know each other: a *path* (`simulate_...`), driven by the engine, and a judgement of
arrays (`..._lines`). A source of arrivals that was simulated elsewhere, natively say, is judged by handing its arrays
over: ``superposition_lines(times_ms, source, rates, ...)``, ``poisson_lines(times_ms, rate, ...)``,
``hawkes_lines(times_ms, law, ...)``, ``station_lines(path, law, ...)``, ``population_lines(counts, ...)``,
``occupancy_lines(change_ms, in_level, ...)``. Times are int64 milliseconds, ascending.
"""
