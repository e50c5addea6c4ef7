"""A generated scenario of two markets and seconds, with the face that `engine.scenarios.generated` asks for."""

from __future__ import annotations

from scenariokit import SMALL

from engine.errors import InputError
from engine.lineage import LandmarkKind
from engine.scenario import Scenario
from engine.scenarios.parameters import Parameter, settled
from engine.scorecard import Statistic, at_least, exact, factor, points
from engine.switches import Switch, checked_off
from engine.verdict import Rule

SCALES = ("small", "medium")
PARAMETERS = {
    "drawdown": Parameter("drawdown", 0.5, "%", "chosen", "an example", fitted=True, low=0.1, high=2.0, log=True),
    "sale": Parameter("sale", 800, "k EUR", "chosen", "an example", fitted=True, low=400, high=1300, whole=True),
    "noise": Parameter("noise", 2, "", "chosen", "an example", low=1, high=5, whole=True),
}
SWITCHES = {
    "makers-withdraw": Switch("makers-withdraw", "makers who stay", "withdrawals"),
    "shock": Switch("shock", "nobody sells", "the shock"),
    "noise": Switch("noise", "no orders at random", "noise"),
    "longs": Switch("longs", "nobody is leveraged", "liquidations"),
}
LINKS = ("makers-withdraw", "shock", "longs")
STATISTICS = (
    Statistic("fall", "fall of COIN-PERP", "%", 52.0, points(5), "nowhere", "chosen", fitted=True),
    Statistic("fall_spot", "fall of COIN/EUR", "%", 30.0, points(5), "nowhere", "chosen"),
    Statistic("withdrawals", "withdrawals of makers", "", 4, factor(1.5), "nowhere", "chosen"),
    Statistic("liquidations", "liquidations", "", 1, at_least, "nowhere", "chosen"),
    Statistic("spot_first", "spot is lowest before the perpetual", "", True, exact, "nowhere", "chosen"),
    Statistic("untold", "what no run can tell", "", 1, at_least, "nowhere", "chosen"),
)
VERDICT = Rule(
    alts_low_minute="low_minute",
    depeg_low_minutes=("spot_low_minute",),
    alts_fall="fall",
    loops="noise",
    own_book="longs",
    withdrawal="makers-withdraw",
)
TIMELINE_PART = "base"
PICTURE_PARTS = ("base", "")


def scenario(scale="small", *, seed=20251010, off=(), parameters=None):
    gone, values = checked_off(SWITCHES, off), settled(PARAMETERS, parameters)
    if scale not in SCALES:
        raise InputError("scale", "one of small, medium", scale)
    changes = {
        "name": "tiny-crash",
        "story": "tiny-crash",
        "seed": seed,
        "populations.longs.count": 40 if scale == "small" else 80,
        "populations.makers.leaves.drawdown": f"{values['drawdown']}%",
        "populations.noise.count": values["noise"],
        "events.fall.sell": f"{values['sale']}k EUR",
        "events.fall-spot.sell": f"{values['sale'] // 10}k COIN",
    }
    if "makers-withdraw" in gone:
        changes["populations.makers.leaves.drawdown"] = "0%"
    if "noise" in gone:
        changes["populations.noise.enabled"] = False
    if "shock" in gone:
        changes |= {"events.fall.enabled": False, "events.fall-spot.enabled": False}
    if "longs" in gone:
        changes["populations.longs.enabled"] = False
    return Scenario.from_toml(SMALL).but(changes)


def _count(part, kind):
    return len(part.lineage.of_kind(kind))


def _fall(part, market):
    low = part.lows[market]
    return None if low is None else 100 * (1 - float(low) / 10)


def _low_minute(part, market):
    trades = part.simulation.world.trades()
    own = trades["market"] == part.simulation.markets[market].number
    prices, times = trades["price_ticks"][own], trades["time_ms"][own]
    return float(times[prices.argmin()]) / 60_000 if len(prices) else None


def outcomes(part):
    return {
        "fall": _fall(part, "COIN-PERP"),
        "fall_spot": _fall(part, "COIN/EUR"),
        "liquidations": float(_count(part, LandmarkKind.LIQUIDATION)),
        "withdrawals": float(_count(part, LandmarkKind.WITHDRAWAL)),
        "low_minute": _low_minute(part, "COIN-PERP"),
        "spot_low_minute": _low_minute(part, "COIN/EUR"),
    }


def statistics(part):
    found = outcomes(part)
    return {
        "fall": found["fall"],
        "fall_spot": found["fall_spot"],
        "withdrawals": found["withdrawals"],
        "liquidations": found["liquidations"],
        "spot_first": found["low_minute"] > found["spot_low_minute"],
        "untold": None,
    }


def figures(done):
    return {"tiny": {name: _count(part, LandmarkKind.LIQUIDATION) for name, part in done.items()}}


def people(result):
    return [f"tiny: {result.story_figures['tiny']}"]
