"""The ordinary core holds no planted fault; the checked one plants what it is told (decision 17)."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import InputError, _core

IS_CHECKED = _core.planted_faults() != ()
SYMBOL = b"engine_planted"


def core_bytes():
    return Path(_core.__file__).read_bytes()


@pytest.mark.skipif(IS_CHECKED, reason="this core was built with FIRESALE_FAULTS=1")
class TestOrdinaryCore:
    def test_no_symbol_and_no_name_of_a_fault(self):
        assert SYMBOL not in core_bytes()
        assert b"YOUNGEST_FIRST" not in core_bytes()

    def test_nothing_can_be_planted(self, monkeypatch):
        monkeypatch.setenv("FIRESALE_FAULT", "YOUNGEST_FIRST")
        with pytest.raises(InputError) as error:
            _core.plant("YOUNGEST_FIRST")
        assert error.value.field == "name"
        _core.plant(None)


@pytest.mark.skipif(not IS_CHECKED, reason="this core was built without FIRESALE_FAULTS=1")
class TestCheckedCore:
    def test_the_symbol_is_there(self):
        assert SYMBOL in core_bytes()

    def test_at_least_fifteen_faults_each_once(self):
        names = _core.planted_faults()
        assert len(names) == len(set(names)) >= 15

    def test_an_unknown_fault_is_refused(self):
        with pytest.raises(InputError) as error:
            _core.plant("NO_SUCH_FAULT")
        assert error.value.field == "name"
