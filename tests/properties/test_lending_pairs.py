"""Native and reference lending agree on random and on extreme numbers, and both keep section Y's promises."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import assume, example, given
from hypothesis import strategies as st

from engine import InputError
from engine.testing.lending_vectors import lending_of

NATIVE, REFERENCE = lending_of(reference=False), lending_of(reference=True)
ONE = 10**18
YEAR_MS = 365 * 86_400_000


def sized(low, high, *special):
    """Draw integers of every magnitude between two bounds, the bounds and what is special among them."""
    magnitudes = st.integers(0, high.bit_length()).flatmap(lambda bits: st.integers(low, max(low, min(high, 2**bits))))
    return st.one_of(magnitudes, st.sampled_from([low, high, min(low + 1, high), high - 1, *special]))


AMOUNTS = sized(0, 2**61)
COVERS = sized(1, 2**61)
PRICES = sized(1, 2**52)
SHARES = sized(0, 10**6, 500_000, 950_000)
INDEXES = sized(1, 2**96, ONE, 2 * ONE, 2**64 - 1, 2**64, 2**64 + 1)
RISEN = st.integers(ONE, 3 * ONE)
RATES = sized(0, 9 * ONE, ONE // 20)
SPANS = sized(0, 2**63 - 1, 12_000, YEAR_MS)
PRICED = st.tuples(AMOUNTS, PRICES, PRICES)
UNITS = st.tuples(AMOUNTS, sized(1, 2**20), st.sampled_from([1, 3, 10**6, 2**20]))
TERMS = st.tuples(SHARES, SHARES, SHARES, sized(0, 10**9, 950_000), sized(0, 2**61, 2000), sized(0, 2**61, 1000))


def outcome(module, name, *arguments):
    """Return what a call returned, or which field it refused."""
    try:
        return getattr(module, name)(*arguments)
    except InputError as error:
        return ("refused", error.field)


def both(name, *arguments):
    """Return what both engines say, which is the same."""
    native, reference = outcome(NATIVE, name, *arguments), outcome(REFERENCE, name, *arguments)
    assert native == reference, (name, arguments)
    return native


def is_refused(found):
    return isinstance(found, tuple) and found[:1] == ("refused",)


# ---- rates and indexes -----------------------------------------------------------------------------------------------


@given(AMOUNTS, AMOUNTS)
def test_y2_utilisation_lies_in_0_to_1(cash, debt):
    used = both("lending_utilisation", cash, debt)
    assert 0 <= used <= ONE
    assert (used == 0) == (debt == 0)
    if debt:
        assert 0 <= used - Fraction(debt * ONE, cash + debt) < 1


@given(sized(0, ONE), sized(1, 10**6), st.integers(0, 3 * 10**6), st.integers(0, 3 * 10**6), st.integers(0, 3 * 10**6))
def test_y2_rate_never_falls_with_utilisation(used, kink, base, slope, steep):
    rate = both("lending_rate", used, base, kink, slope, steep)
    assert base * 10**12 <= rate <= (base + slope + steep) * 10**12
    assert rate <= both("lending_rate", min(ONE, used + 1), base, kink, slope, steep)


@given(INDEXES, RATES, SPANS)
@example(2**96, 9 * ONE, 2**63 - 1)
@example(2**64, ONE - 1, 12_001)
def test_y3_an_index_never_falls(index, rate, dt_ms):
    up, down = (both("lending_grown", index, rate, dt_ms, way) for way in (True, False))
    if is_refused(up):
        return
    exact = index + Fraction(index * rate * dt_ms, ONE * YEAR_MS)
    assert index <= down == exact.__floor__() <= up == exact.__ceil__()


@given(INDEXES, INDEXES, AMOUNTS, AMOUNTS, RATES, SPANS, SHARES)
def test_y4_native_is_reference(supply_index, borrow_index, supply, debt, rate, dt_ms, reserve):
    both("lending_accrued", supply_index, borrow_index, supply, debt, rate, dt_ms, reserve)


@given(RISEN, RISEN, sized(0, 2**55), sized(0, 2**55), RATES, st.integers(0, YEAR_MS), SHARES)
@example(ONE, ONE, 1, 2**55, 9 * ONE, YEAR_MS, 0)
def test_y4_claims_and_reserve_never_outgrow_the_debt(supply_index, borrow_index, supply, debt, rate, dt_ms, reserve):
    found = both("lending_accrued", supply_index, borrow_index, supply, debt, rate, dt_ms, reserve)
    if is_refused(found):
        assert found == ("refused", "dt_ms")
        assert supply * 2**20 < debt
    assume(not is_refused(found))  # much debt and hardly a supplier: the index of supply would pass its bound
    risen, grown, kept = found
    assert risen >= supply_index
    assert grown >= borrow_index
    gained = supply * (risen - supply_index) + kept * ONE
    assert gained <= debt * (grown - borrow_index)
    assert both("lending_claim", supply, risen) >= both("lending_claim", supply, supply_index)


@given(AMOUNTS, INDEXES, AMOUNTS)
def test_y12_a_loss_is_borne_in_full(supply, index, loss):
    after = both("lending_after_loss", supply, index, loss)
    if not is_refused(after):
        assert after <= index
        assert supply * after <= supply * index - loss * ONE or not loss


# ---- scaled balances -------------------------------------------------------------------------------------------------


@given(AMOUNTS, INDEXES, AMOUNTS)
def test_y5_native_is_reference(scaled, index, atoms):
    for name in ("lending_deposit", "lending_withdraw", "lending_borrow", "lending_repay"):
        both(name, scaled, index, atoms)
    for name in ("lending_claim", "lending_owed"):
        both(name, scaled, index)


@given(sized(0, 2**58), RISEN, sized(0, 2**58))
def test_y5_in_and_out_in_one_step_never_gains(scaled, index, atoms):
    before = both("lending_claim", scaled, index)
    held = both("lending_deposit", scaled, index, atoms)
    assert both("lending_claim", held, index) <= before + atoms
    out = both("lending_claim", held, index)
    assert both("lending_withdraw", held, index, out) == 0
    assert out <= before + atoms

    owed_before = both("lending_owed", scaled, index)
    owing = both("lending_borrow", scaled, index, atoms)
    assert both("lending_owed", owing, index) >= owed_before + atoms - 1  # the atom that was rounded up before
    left, paid = both("lending_repay", owing, index, atoms)
    assert paid == min(atoms, both("lending_owed", owing, index))
    assert left >= scaled


@given(RISEN, sized(1, 2**58))
def test_y5_a_loan_repaid_at_once_costs_at_least_what_it_brought(index, atoms):
    owing = both("lending_borrow", 0, index, atoms)
    owed = both("lending_owed", owing, index)
    assert owed >= atoms
    assert both("lending_repay", owing, index, owed) == (0, owed)
    assert both("lending_repay", owing, index, 2**61) == (0, owed)


@given(sized(0, 2**58), RISEN, sized(0, 2**58))
def test_y5_a_part_taken_out_never_leaves_more(scaled, index, atoms):
    claim = both("lending_claim", scaled, index)
    left = both("lending_withdraw", scaled, index, atoms)
    if atoms > claim:
        assert left == ("refused", "atoms")
    else:
        assert 0 <= left <= scaled
        assert both("lending_claim", left, index) <= claim - atoms
    owed = both("lending_owed", scaled, index)
    left, paid = both("lending_repay", scaled, index, atoms)
    assert both("lending_owed", left, index) >= owed - paid


# ---- health ----------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(AMOUNTS, PRICES, PRICES, SHARES), max_size=4),
    st.lists(PRICED, max_size=4),
    sized(0, 10**9, 10**6),
)
def test_y7_native_is_reference(collateral, debts, ppm):
    health = both("lending_health", collateral, debts)
    if is_refused(health):
        return
    worth, weighted, owed = health
    assert both("lending_is_below", health, ppm) == (weighted < ppm * owed)
    assert both("lending_health_ppm", health) == (min(weighted // owed, 2**62) if owed else 2**62)
    both("lending_ltv_ppm", health)
    assert 0 <= both("lending_room", health) <= worth
    both("loan_level", health, 750_000, 830_000)


@given(COVERS, PRICES, COVERS, sized(1, 10**6), st.booleans())
def test_y9_the_highest_price_that_liquidates(atoms, unit, owed, threshold, at_or_below):
    price = both("lending_price", atoms, unit, owed, threshold, at_or_below)

    def is_due(at):
        counted, limit = atoms * at // unit * threshold, owed * 10**6
        return counted <= limit if at_or_below else counted < limit

    assert 0 <= price <= 2**52
    assert is_due(price)
    assert price == 2**52 or not is_due(price + 1)


# ---- liquidations ----------------------------------------------------------------------------------------------------


def account(collateral, debt, threshold, others):
    """Return the health of an account with these two and others, or None."""
    health = both("lending_health", [(*collateral, threshold), (*others[0], threshold)], [debt, others[1]])
    return None if is_refused(health) else health


@given(st.one_of(PRICED, UNITS), st.one_of(PRICED, UNITS), COVERS, SHARES, st.tuples(UNITS, UNITS), TERMS)
def test_y10_native_is_reference(collateral, debt, cover, threshold, others, terms):
    health = account(collateral, debt, threshold, others)
    assume(health is not None)
    found = both("aave_liquidation", collateral, debt, cover, health, terms)
    reason, repaid, seized, fee, deficit, is_bare = found
    assert (reason == "healthy") == (not both("lending_is_below", health, 10**6))
    assert 0 <= repaid <= min(cover, debt[0])
    assert 0 <= fee <= seized <= collateral[0]
    assert deficit == (debt[0] - repaid if is_bare else 0)
    if reason is not None:
        assert found[1:] == (0, 0, 0, 0, False)


@given(st.one_of(PRICED, UNITS), st.one_of(PRICED, UNITS), COVERS, SHARES, SHARES)
def test_y10_the_liquidator_never_gets_more_than_the_bonus(collateral, debt, cover, threshold, bonus):
    health = both("lending_health", [(*collateral, threshold)], [debt])
    assume(not is_refused(health))
    reason, repaid, seized, *_ = both("aave_liquidation", collateral, debt, cover, health, (bonus, 0, 10**6, 0, 0, 0))
    if reason is None:
        brought = Fraction(repaid * debt[1], debt[2])
        assert Fraction(seized * collateral[1], collateral[2]) <= brought * (10**6 + bonus) / 10**6


@st.composite
def unhealthy(draw):
    """Draw an account below a health of 1 whose values are whole, its threshold, a bonus and a cover."""
    held, price = draw(st.integers(1, 2**40)), draw(st.integers(1, 2**12))
    threshold, bonus = draw(st.integers(1, 10**6)), draw(st.integers(0, 200_000))
    least = held * price * threshold // 10**6 + 1
    owed = draw(st.integers(least, 2 * least))
    return (held, price, 1), (owed, 1, 1), threshold, bonus, draw(st.integers(1, 2 * owed))


@given(unhealthy())
def test_y11_a_liquidation_raises_health_above_threshold_and_bonus(drawn):
    collateral, debt, threshold, bonus, cover = drawn
    health = both("lending_health", [(*collateral, threshold)], [debt])
    found = both("aave_liquidation", collateral, debt, cover, health, (bonus, 0, 500_000, 950_000, 0, 0))
    reason, repaid, seized, *_ = found
    assume(reason is None and repaid < debt[0])
    before = Fraction(health[1], health[2] * 10**6)
    left = (collateral[0] - seized) * collateral[1] * threshold
    after = Fraction(left, (debt[0] - repaid) * 10**6)
    if before > Fraction(threshold, 10**6) * (1 + Fraction(bonus, 10**6)):
        assert after > before


@given(st.one_of(PRICED, UNITS), AMOUNTS, COVERS, SHARES)
def test_y12_native_is_reference(collateral, owed, cover, lltv):
    both("morpho_factor", lltv)
    found = both("morpho_liquidation", collateral, owed, cover, lltv)
    if not is_refused(found):
        reason, repaid, seized, deficit = found
        assert repaid <= min(cover, owed)
        assert seized <= collateral[0]
        assert deficit in (0, owed - repaid)
        assert deficit == 0 or seized == collateral[0]
        assert reason is None or found[1:] == (0, 0, 0)


@given(st.lists(st.tuples(AMOUNTS, PRICES, PRICES, SHARES, SHARES), max_size=3), PRICED)
def test_y13_absorb(collateral, debt):
    found = both("comet_absorb", collateral, debt)
    if not is_refused(found) and found[0] is None:
        _, credit, left, loss = found
        assert credit - left + loss == debt[0]
        assert min(left, loss) == 0


@given(st.one_of(PRICED, UNITS), st.one_of(PRICED, UNITS), AMOUNTS, AMOUNTS, SHARES, SHARES)
def test_y13_storefront(paid, held, reserves, target, store_front, factor):
    reason, atoms = both("comet_quote", paid, held, reserves, target, store_front, factor)
    assert (reason == "closed") == (reserves >= target)
    assert 0 <= atoms <= held[0]
    assert reason is None or atoms == 0
