"""The readable twin: the rules of docs/rules.md as plain Python programs.

Stands on the standard library, numpy (columns) and sortedcontainers; never on the compiled core.

Promises: this is the specification in executable form. The native kernels share no logic with it; the tests run both
through the same commands and compare results, fills and digests.
"""

from engine.reference.book import OrderBook
from engine.reference.queue import EventQueue

__all__ = ["EventQueue", "OrderBook"]
