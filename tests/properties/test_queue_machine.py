"""Native and reference queues agree after every step of random walks (Q-1 .. Q-5, T-5)."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from engine.testing.machines import QueueMachine


def test_queues_agree_step_by_step(queue_class, engine_name):
    machine = type("Machine", (QueueMachine,), {"candidate": staticmethod(queue_class)})
    count = 120 if engine_name == "native" else 15
    run_state_machine_as_test(machine, settings=settings(max_examples=count))
