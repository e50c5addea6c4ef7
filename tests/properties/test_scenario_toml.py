"""Round trips: what is written as TOML is read back equal, for plain data and for whole scenarios."""

from __future__ import annotations

import tomllib
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

import engine as en
from engine.scenario.written import write_toml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAVES = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**9), 10**9, places=3),
    st.dates(),
    st.times().map(lambda time: time.replace(microsecond=0)),
)
DATA = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=12
)


@given(
    st.dictionaries(TEXTS, DATA, max_size=4),
    st.dictionaries(TEXTS, st.dictionaries(TEXTS, DATA, max_size=3), max_size=3),
)
def test_plain_data_reads_back(data, objects):
    whole = {**data, "section": objects}
    assert tomllib.loads(write_toml(whole, ("section",)), parse_float=Decimal) == as_decimals(whole)


def as_decimals(value):
    """Return the data as it is read: every float by its shortest decimal form."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {key: as_decimals(each) for key, each in value.items()}
    return [as_decimals(each) for each in value] if isinstance(value, list) else value


def numbers_of(unit):
    return st.integers(1, 10_000).map(lambda n: f"{n}{unit}")


def uniforms_of(unit):
    return st.builds(lambda n: en.uniform(f"1{unit}", n), numbers_of(unit))


def laws_of_messages(unit):
    """Draw a law that the world can draw for each message, or a number."""
    number = numbers_of(unit)
    return st.one_of(
        number,
        st.builds(en.lognormal, number, st.floats(0.01, 3).map(lambda x: round(x, 3))),
        st.builds(en.pareto, number, st.integers(1, 5)),
        uniforms_of(unit),
    )


def laws_of(unit):
    return laws_of_messages(unit) | st.builds(en.choice, st.lists(numbers_of(unit), min_size=1, max_size=3))


@st.composite
def scenarios(draw):
    """Draw a whole scenario of a few populations."""
    sc = en.Scenario(
        draw(TEXTS.filter(bool)),
        start=draw(st.sampled_from(["2025-10-10T20:45Z", "2020-02-29T00:00:01Z"])),
        duration=draw(st.integers(1_000, 10**9).map(lambda ms: f"{ms}ms")),
        seed=draw(st.integers(0, 2**63)),
    )
    cex = sc.exchange("cex")
    spot = cex.spot("A/B", tick="0.01", lot="0.1", price=draw(st.integers(1, 10**6)))
    perp = cex.perp(
        "A-PERP", index=spot, tick="0.01", lot="0.1", price="100", maintenance=draw(st.sampled_from(["1%", 0.05]))
    )
    names = TEXTS.filter(lambda name: name and name not in sc.populations)
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["maker", "noise", "poisson", "value"]))
        if kind == "maker":
            link = en.Link(base=draw(st.sampled_from(["0ms", "7ms"])), jitter=draw(laws_of_messages("ms")))
            made = en.MarketMaker(
                [spot, perp], size=draw(st.integers(1, 10**6)), link=link, wake_every=draw(laws_of("ms"))
            )
        elif kind == "noise":
            made = en.Noise([spot], every=draw(laws_of("ms")), qty=draw(numbers_of(" lots") | uniforms_of(" lots")))
        elif kind == "poisson":
            made = en.PoissonOrders(perp, rate=f"{draw(st.integers(1, 500))}/min", qty=5)
        else:
            made = en.Value(spot, fair=draw(laws_of("")), threshold="30bps", qty="1 A")
        sc.add(draw(st.integers(1, 50)) * made, draw(names))
    if draw(st.booleans()):
        sc.at(draw(st.sampled_from(["0s", "500ms"])), en.Shock(perp, sell=draw(st.sampled_from(["5", "2k B", "3 A"]))))
    return sc


@given(scenarios())
def test_a_scenario_reads_back_equal(sc):
    text = sc.to_toml()
    again = en.Scenario.from_toml(text)
    assert again == sc
    assert again.to_toml() == text
