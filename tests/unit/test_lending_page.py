"""docs/lending.md does what it says: its code runs, in order, and prints what stands there."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from engine.protocols import ACTIONS, FORMS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "lending.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_runs():
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    assert len(blocks) == 4
    test = doctest.DocTestParser().get_doctest("".join(blocks), {}, "lending.md", "lending.md", 0)
    said: list[str] = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)


def test_every_form_and_every_action_is_on_the_page():
    assert all(f'`"{form}"`' in PAGE for form in FORMS)
    assert all(f"`{action}`" in PAGE for action in ACTIONS)
