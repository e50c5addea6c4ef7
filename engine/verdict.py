"""Verdict: which order of events the paired runs speak for, decided from their figures.

Stands on `engine.intervals`. Two stories are told of the day. The *popular* order: a depeg comes first, loops unwind,
makers lose their collateral and leave, and therefore the altcoins fall. The *measured* order: the altcoins fall first,
as makers leave, and the depeg comes after them. They foretell different figures, and those alone decide:

1. Does the low of the altcoins come before the lows of the depegged coins, or after them?
2. Do the altcoins fall less once the loops, or the venue's own book as an oracle, are taken away?
3. Do they fall less once the makers' withdrawal is taken away, and by more than the loops and the book could carry?

Promises: each answer is yes, no or untold, and says the figures that it rests on; nothing else enters the verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import InputError
from engine.intervals import Difference, paired_difference

__all__ = ["MEASURED", "NEITHER", "POPULAR", "Rule", "Verdict", "judge"]

MEASURED, POPULAR, NEITHER = "measured", "popular", "neither"

Outcomes = Mapping[str, float | None]


@dataclass(frozen=True)
class Rule:
    """Which outcomes and switches of a story answer the three questions.

    Parameters
    ----------
    alts_low_minute : str
        Outcome: when the altcoins were lowest, minutes.
    depeg_low_minutes : tuple of str
        Outcomes: when each depegged coin was lowest, minutes.
    alts_fall : str
        Outcome: how far the altcoins fell; more is deeper.
    loops, own_book, withdrawal : str
        Switches: the loops, the own book as an oracle, the makers' withdrawal.
    material : float, default 1.0
        A change of `alts_fall` below this, in its unit, carries nothing, however narrow its interval.
    """

    alts_low_minute: str
    depeg_low_minutes: tuple[str, ...]
    alts_fall: str
    loops: str
    own_book: str
    withdrawal: str
    material: float = 1.0

    def __post_init__(self) -> None:
        if type(self.depeg_low_minutes) is not tuple or not self.depeg_low_minutes:
            raise InputError("depeg_low_minutes", "names of outcomes, at least one", self.depeg_low_minutes)

    @property
    def switches(self) -> tuple[str, ...]:
        """The switches that it needs runs of."""
        return self.loops, self.own_book, self.withdrawal


@dataclass(frozen=True)
class Verdict:
    """Which order fits, and why.

    Parameters
    ----------
    fits : str
        ``measured``, ``popular`` or ``neither``.
    words : tuple of str
        A sentence for each answer, and one for the verdict, last.
    answers : dict of str to str
        ``order``: measured, popular or untold; ``loops``, ``own_book``, ``withdrawal``: carries, nothing or untold.
    """

    fits: str
    words: tuple[str, ...]
    answers: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"fits": self.fits, "words": list(self.words), "answers": self.answers}


def judge(rule: Rule, base: Sequence[Outcomes], without: Mapping[str, Sequence[Outcomes]]) -> Verdict:
    """Decide which order the runs speak for.

    Parameters
    ----------
    rule : Rule
        What is looked at.
    base : sequence of mapping
        Outcomes of each seed with every switch on.
    without : mapping of str to sequence of mapping
        Outcomes of the same seeds, in the same order, with that switch off.

    Returns
    -------
    Verdict

    Notes
    -----
    *Measured*: the altcoins' low comes first, neither loops nor own book carry their fall, and the withdrawal carries
    more than either of them could within its interval. *Popular*: the depegs come first, and loops or own book carry
    the fall. *Neither*: anything else. "First" and "carry" mean that the paired 95 % interval lies on that side of 0,
    and "carry" that the mean is material too.
    """
    order, told = _order(rule, base)
    loops = _carried(rule, rule.loops, base, without)
    own_book = _carried(rule, rule.own_book, base, without)
    withdrawal = _carried(rule, rule.withdrawal, base, without)
    answers = {
        "order": order,
        "loops": loops.answer,
        "own_book": own_book.answer,
        "withdrawal": withdrawal.answer,
    }
    words = [told, loops.words, own_book.words, withdrawal.words]
    depeg = [loops.answer, own_book.answer]
    outweighs = withdrawal.answer == "carries" and withdrawal.mean > max(loops.most, own_book.most)
    if order == POPULAR and "carries" in depeg:
        fits, why = POPULAR, "The popular order fits: the depeg comes first, and what it sets off carries the fall."
    elif order == MEASURED and depeg == ["nothing", "nothing"] and outweighs:
        fits = MEASURED
        why = "The measured order fits: the altcoins fall first, as makers leave; the depeg comes after, on its own."
    else:
        fits, why = NEITHER, f"Neither order fits whole: {_for_each(answers, outweighs=outweighs)}."
    return Verdict(fits, (*words, why), answers)


def _order(rule: Rule, base: Sequence[Outcomes]) -> tuple[str, str]:
    """Tell what comes first, and in words."""
    alts = [run.get(rule.alts_low_minute) for run in base]
    later, said = [], []
    for name in rule.depeg_low_minutes:
        # How many minutes after the altcoins' low; below 0 the depeg comes first.
        found = paired_difference(alts, [run.get(name) for run in base])
        later.append(found)
        told = f"{name} {_interval(found, 'min')} after it in {found.pairs} seeds"
        said.append(f"of {name} nothing can be told" if found.mean is None else told)
    told = f"Altcoins are lowest at minute {_number(later[0].base)}; {', '.join(said)}: "
    if all(each.low is not None and each.low > 0 for each in later):
        return MEASURED, told + "the altcoins come first."
    if all(each.high is not None and each.high < 0 for each in later):
        return POPULAR, told + "the depeg comes first."
    return "untold", told + "no order holds for all of them."


@dataclass(frozen=True)
class _Carried:
    """What a link carries of the altcoins' fall: the answer, the mean and the most within its interval, in words."""

    answer: str
    mean: float
    most: float
    words: str


def _carried(rule: Rule, switch: str, base: Sequence[Outcomes], without: Mapping[str, Sequence[Outcomes]]) -> _Carried:
    changed, fall = without.get(switch, ()), rule.alts_fall
    if not changed:
        return _Carried("untold", 0.0, math.inf, f"No run without {switch}.")
    found = paired_difference([run.get(fall) for run in base], [run.get(fall) for run in changed])
    if found.mean is None:
        return _Carried("untold", 0.0, math.inf, f"Without {switch} nothing can be told of {fall}: no seed has both.")
    told = f"Without {switch} {fall} changes by {_interval(found)} from {_number(found.base)}: "
    if found.low is None or found.high is None:
        return _Carried("untold", 0.0, math.inf, told + "too few seeds to say.")
    mean, most = -found.mean, -found.low
    if found.high < 0 and mean >= rule.material:
        return _Carried("carries", mean, most, told + "it carries part of the fall.")
    if found.low > 0 and -mean >= rule.material:
        return _Carried("nothing", mean, most, told + "it carries nothing, the fall is deeper without it.")
    why = f"less than {rule.material:g}" if abs(mean) < rule.material else "its interval holds 0"
    return _Carried("nothing", mean, most, told + f"it carries nothing that these seeds can tell ({why}).")


def _for_each(answers: Mapping[str, str], *, outweighs: bool) -> str:
    first = {MEASURED: "the altcoins come first", POPULAR: "the depeg comes first"}.get(
        answers["order"], "nothing comes first in all"
    )
    names = {"loops": "the loops", "own_book": "the own-book oracle", "withdrawal": "the makers' withdrawal"}
    carrying = [text for key, text in names.items() if answers[key] == "carries"]
    untold = [text for key, text in names.items() if answers[key] == "untold"]
    parts = [first, f"the fall is carried by {' and '.join(carrying) or 'none of the three'}"]
    if answers["withdrawal"] == "carries" and not outweighs:
        parts.append("the withdrawal does not outweigh what the others could carry")
    return "; ".join(parts + ([f"untold: {', '.join(untold)}"] if untold else []))


def _interval(found: Difference, unit: str = "") -> str:
    if found.mean is None:
        return "-"
    half = "" if found.high is None else f" +- {found.high - found.mean:.2f}"
    return f"{found.mean:+.2f}{half}{' ' + unit if unit else ''}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
