"""docs/agents.md does what it says: its tables are `World.agent_parameters`, its code runs."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from engine import Agent, ArrayAgent, InputError
from engine._core import ArrayContext, Context, World

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")
POWERS = {2**61: "2^61", 2**42: "2^42", 2**31 - 1: "2^31 - 1", -(2**31): "-2^31"}


def shown(value):
    if value is None:
        return "-"
    return POWERS.get(value, f"{value:g}") if isinstance(value, int) else f"{value:g}"


def kinds():
    with pytest.raises(InputError) as caught:
        World.agent_parameters("nobody")
    return caught.value.expected.removeprefix("one of ").split(", ")


def test_every_behaviour_has_a_table():
    assert sorted(re.findall(r"^### (\w+)$", PAGE, re.M)) == kinds()


@pytest.mark.parametrize("kind", re.findall(r"^### (\w+)$", PAGE, re.M))
def test_a_table_has_the_parameters_and_bounds_of_its_behaviour(kind):
    section = PAGE.split(f"### {kind}\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \| \S", section, re.M)
    parameters = World.agent_parameters(kind)
    assert rows == [(name, *map(shown, bounds)) for name, bounds in parameters.items()]


def test_every_callback_and_every_method_of_a_context_is_on_the_page():
    for agent in (Agent, ArrayAgent):
        for name in (name for name in vars(agent) if name.startswith("on_")):
            assert f"`{name}(context" in PAGE
    for context in (Context, ArrayContext):
        for name in (name for name in dir(context) if not name.startswith("_")):
            assert re.search(rf"`{name}[`(]", PAGE), name


def test_the_code_of_the_page_runs():
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    test = doctest.DocTestParser().get_doctest(block, {}, "agents.md", "agents.md", 0)
    said: list[str] = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)
