"""The three exceptions: the caller's misuse, a Python agent's, and our own fault.

Stands on nothing; the compiled core is not imported here.

Promises: a *reject* is never an exception (U-7): it is data, a `RejectReason`. `InputError` is raised at the border,
before any write, and names the field. `InvariantError` means that the engine is wrong, and carries the state.
"""

from __future__ import annotations

_SHOWN_CHARACTERS_MAX = 80
_SHOWN_BITS_MAX = 128


def _shown(value: object) -> str:
    """Return a short text for a value that may be hostile (huge, or with a failing ``repr``)."""
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS_MAX:
        # Python refuses to print very long integers with a ValueError of its own.
        return f"an integer of {value.bit_length()} bits"
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001  # a hostile repr may raise anything
        text = f"an unprintable {type(value).__name__}"
    if len(text) > _SHOWN_CHARACTERS_MAX:
        text = text[: _SHOWN_CHARACTERS_MAX - 3] + "..."
    return text


def _said(error: Exception) -> str:
    """Return an exception's text, whole; a hostile one may fail to give it."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # a hostile __str__ may raise anything
        return f"an unprintable {type(error).__name__}"


class InputError(ValueError):
    """Refuse bad input at the border (U-7), naming what was wrong.

    Parameters
    ----------
    field : str
        The argument or column.
    expected : str
        What would have been accepted, in words.
    was : object
        What was given: the value, or a text that describes it.

    Examples
    --------
    >>> raise InputError("qty_lots", "an integer", 1.5)
    Traceback (most recent call last):
    engine.errors.InputError: qty_lots: expected an integer, was 1.5
    """

    def __init__(self, field: str, expected: str, was: object) -> None:
        self.field = field
        self.expected = expected
        self.was = was
        super().__init__(f"{field}: expected {expected}, was {_shown(was)}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, object]]:
        """Rebuild from the three parts, so that the error survives the trip from a worker process."""
        return type(self), (self.field, self.expected, self.was)


class InvariantError(RuntimeError):
    """Report a broken invariant: our fault, never the caller's.

    Parameters
    ----------
    broken : str
        The first invariant that does not hold, with its rule number where it has one.
    state : str
        A dump of the state, for the bug report.
    """

    def __init__(self, broken: str, state: str = "") -> None:
        self.broken = broken
        self.state = state
        super().__init__(f"{broken}\n{state}" if state else broken)

    def __reduce__(self) -> tuple[type[InvariantError], tuple[str, str]]:
        """Rebuild from the two parts, so that the error survives the trip from a worker process."""
        return type(self), (self.broken, self.state)


class AgentError(RuntimeError):
    """Report an exception that a Python agent's callback raised; it is the cause of this one.

    The run stands behind the event that the agent was called for, valid in every part, and can be read or go on.

    Parameters
    ----------
    name : str
        The agent's name.
    number : int
        Its number in the world.
    time_ms : int
        When it was called, ms.
    error : Exception
        What it raised.
    """

    def __init__(self, name: str, number: int, time_ms: int, error: Exception) -> None:
        self.name = name
        self.number = number
        self.time_ms = time_ms
        self.error = error
        whom = f"agent {name!r} (number {number})" if name else f"agent {number}"
        super().__init__(f"{whom} at {time_ms} ms: {type(error).__name__}: {_said(error)}")

    def __reduce__(self) -> tuple[type[AgentError], tuple[str, int, int, Exception]]:
        """Rebuild from the parts, so that the error survives the trip from a worker process."""
        return type(self), (self.name, self.number, self.time_ms, self.error)
