"""What tests stand on, ours and those of others: vectors, Hypothesis strategies and state machines.

Stands on the public face of the engine and on its reference twin; `machines` and `strategies` need Hypothesis.

Promises: importing this package imports neither the compiled core nor Hypothesis.
"""
