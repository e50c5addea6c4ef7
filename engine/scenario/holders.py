"""Open a crowd: draw its members' positions as columns, balance them, and declare what they will do (H-1 .. H-4).

::

    draws -> (account, market, side, lots, margin)        longs   |-- a --|- b -|---- c ----|
                        each market apart                  shorts  |-- x --|--- y ---|-- rest --|
                                                           trades  |   |   |  |  |  |    |     |

Stands on `building` and the core's columns. Every draw is keyed by the crowd's name, the member and what it is for
(R-2, R-5), so another crowd, or another switch, changes none of them. Two cumulative sums of lots cut each other into
the trades, so there are no more than positions. Nothing here loops over members but the margin of isolated positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InputError
from engine.scenario.draws import draw_column
from engine.scenario.margins import tiers_of
from engine.scenario.populations import jitter_law

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.declared import Asset, Market
    from engine.scenario.building import Building
    from engine.scenario.crowds import Crowd

    Array = np.ndarray[Any, Any]

__all__ = ["matched", "open_crowd"]

# What a draw is for: k of R-5. Those of a member, and those of each of its positions, 16 apart.
POSITIONS, LEVERAGE, TOP_UP, TOP_UP_SHARE, STOP_SHARE, DIP_SHARE, DIP_FALL, DIP_WORTH = range(8)
OF_POSITION = 16
MARKET, SIDE, NOTIONAL, STOP = range(4)
ATOMS_MOST = 2.0**60
NEAR = 1e-9  # of all weights: far above what sums of floats can differ by, and rare enough to be counted out one by one
MILLI = 1000  # leverage counts in thousandths of a turn: coarse enough that no float's last bit decides an atom


@dataclass
class Positions:
    """The positions of a crowd as columns, a member's one after the other by round."""

    account: Array  # int32
    ordinal: Array  # int64, the member's place
    market: Array  # place among the crowd's markets
    side: Array  # +1 long, -1 short
    lots: Array
    margin: Array  # atoms of the settlement asset
    round: Array  # which of its member's positions it is, from 0


def open_crowd(building: Building, crowd: Crowd) -> None:
    """Open the positions of a crowd's accounts, which are open, and declare its stops, top-ups and dips.

    Raises
    ------
    InputError
        The crowd's longs and shorts do not match and nobody takes the rest: the missing amount of each market; or the
        world refuses a position.

    Notes
    -----
    O(positions x log(markets)), for a few positions of each member.
    """
    markets = [building.markets[name] for name in crowd.on]
    positions = _positions(building, crowd, markets)
    rest = [account for name in crowd.rest for account in building.accounts[name]]
    trades = _trades(building, crowd, markets, positions, rest)
    if crowd.margin == "isolated":  # before its money comes: a position takes what it finds in the balance
        _open(building, markets, trades)
        _deposit(building, markets, positions)
        for account, market, atoms in zip(
            positions.account.tolist(), positions.market.tolist(), positions.margin.tolist(), strict=True
        ):
            building.sim.world.add_margin(account, markets[market].number, atoms)
    else:
        _deposit(building, markets, positions)
        _open(building, markets, trades)
    _declare(building, crowd, markets, positions)


# ---- draws -----------------------------------------------------------------------------------------------------------


def _draw(building: Building, crowd: Crowd, law: Any, k: int) -> Array:
    return draw_column(law, building.scenario.seed, crowd.name, crowd.count, k)


def _uniform(building: Building, crowd: Crowd, k: int) -> Array:
    from engine import _core

    return _core.draw_column("uniform", 0.0, 1.0, building.scenario.seed, crowd.name, 0, crowd.count, k)["value"]


def _positions(building: Building, crowd: Crowd, markets: Sequence[Market]) -> Positions:
    """Draw every position: market, side, lots and margin."""
    weights = np.array(list(crowd.on.values()), dtype=np.float64)
    most = np.floor(_draw(building, crowd, crowd.positions, POSITIONS))
    held = np.clip(most, 1, int((weights > 0).sum())).astype(np.int64)
    leverage = np.maximum(1, np.floor(_draw(building, crowd, crowd.leverage, LEVERAGE) * MILLI)).astype(np.int64)
    first = building.accounts[crowd.name][0]
    tables = _initial_tables(building, crowd, markets)
    picked: list[Array] = []  # the market of every member in each round; -1: it has no such position
    rounds = []
    for place in range(int(held.max())):
        k = OF_POSITION * (place + 1)
        own = np.flatnonzero(held > place)
        market = _picked(weights, [column[own] for column in picked], _uniform(building, crowd, k + MARKET)[own])
        picked.append(np.full(crowd.count, -1))
        picked[-1][own] = market
        side = np.where(_uniform(building, crowd, k + SIDE)[own] < float(crowd.long), 1, -1)
        notional = _draw(building, crowd, crowd.notional, k + NOTIONAL)[own]
        lots, cost = _sizes(building, crowd, markets, market, notional)
        margin = np.maximum(_margin(cost, leverage[own]), _least_margin(tables, market, cost))
        columns = (first + own).astype(np.int32), own, market, side, lots, margin, np.full(len(own), place)
        rounds.append(columns)
    return Positions(*(np.concatenate(column) for column in zip(*rounds, strict=True)))


def _picked(weights: Array, taken: Sequence[Array], uniforms: Array) -> Array:
    """Return the market of each row, by the weights of those that the row has not taken yet.

    `taken` are the markets of the rounds before, row by row. A row's share of the open weights is a point on the line
    of all weights once the taken ones before it are stepped over; that is found by bisection. Where the point lies so
    near to a border that the order of additions might matter, the row is counted out market by market.
    O(rows x (rounds + log markets)) for the draws, and the few that are counted out.
    """
    ends = np.cumsum(weights)
    begins = ends - weights
    slack = NEAR * ends[-1]
    own = np.sort(np.stack(taken), axis=0) if taken else np.empty((0, len(uniforms)), dtype=np.int64)
    left = uniforms * (ends[-1] - weights[own].sum(axis=0))
    near = np.zeros(len(uniforms), dtype=bool)
    for market in own:  # in the order of the line
        behind = left >= begins[market]
        near |= np.abs(left - begins[market]) < slack
        left = np.where(behind, left + weights[market], left)
    found: Array = np.minimum(np.searchsorted(ends, left, side="right"), len(weights) - 1)
    near |= (left - begins[found] < slack) | (ends[found] - left < slack)
    for row in np.flatnonzero(near):
        found[row] = _counted_out(weights, own[:, row], uniforms[row])
    return found


def _counted_out(weights: Array, taken: Array, uniform: float) -> int:
    """Return the market of one row, market by market: what `_picked` finds, bit by bit. O(markets)."""
    open_weights = weights.copy()
    open_weights[taken] = 0.0
    left = uniform * open_weights.sum()
    for market, width in enumerate(open_weights):
        if left < width:
            return market
        left -= width
    return int(np.flatnonzero(open_weights)[-1])  # a last bit has left it behind the last market


def _sizes(
    building: Building, crowd: Crowd, markets: Sequence[Market], market: Array, notional: Array
) -> tuple[Array, Array]:
    """Return lots, rounded down and at least one, and what they cost at the opening price, atoms."""
    prices = [building.price_ticks(name) for name in crowd.on]
    lot_atoms = np.array([price * each.atoms_per_tick_lot for price, each in zip(prices, markets, strict=True)])[market]
    scales = np.array([10.0**each.quote.decimals for each in markets])[market]
    atoms = np.floor(notional * scales)
    if (atoms > ATOMS_MOST).any() or (lot_atoms > ATOMS_MOST).any():
        raise InputError("notional", "positions of at most 2^60 atoms", f"{notional.max():g}")
    lots = np.maximum(1, atoms.astype(np.int64) // lot_atoms)
    return lots, lots * lot_atoms


def _margin(cost: Array, leverage_milli: Array) -> Array:
    """Return ceil(cost * 1000 / leverage_milli) without an overflow: against nobody, a deposit."""
    whole, left = np.divmod(cost, leverage_milli)
    if (whole > ATOMS_MOST / MILLI).any():
        raise InputError("leverage", "deposits of at most 2^60 atoms", "a lower one")
    margin: Array = whole * MILLI - (-left * MILLI) // leverage_milli
    return margin


def _initial_tables(building: Building, crowd: Crowd, markets: Sequence[Market]) -> tuple[Array, Array]:
    """Return where the tiers of each market begin, atoms, and what each adds to the initial rate, ppm."""
    rows = []
    for name, market in zip(crowd.on, markets, strict=True):
        said = building.scenario.markets[name]
        assert said.kind == "perp"
        if said.tiers is not None:
            table = tiers_of(said.tiers)
            rows.append((table.atoms(market.quote.decimals), table.initial_ppm))
        else:
            rows.append(((0,), (int((said.initial or 0) * 10**6),)))
    most = max(len(floors) for floors, _ in rows)
    begins, adds = np.zeros((len(rows), most), dtype=np.int64), np.zeros((len(rows), most), dtype=np.int64)
    for place, (floors, rates) in enumerate(rows):
        begins[place, : len(floors)] = floors
        adds[place, : len(rates)] = np.diff(rates, prepend=0)
    return begins, adds


def _least_margin(tables: tuple[Array, Array], market: Array, cost: Array) -> Array:
    """Return at least the initial requirement of each position: nobody could have opened it with less. Rounded up."""
    begins, adds = tables
    needed = np.zeros(len(cost), dtype=np.int64)
    for tier in range(begins.shape[1]):
        beyond = np.maximum(0, cost - begins[market, tier])
        whole, left = np.divmod(beyond, 10**6)
        rate = adds[market, tier]
        needed += whole * rate - (-left * rate) // 10**6
    return needed


# ---- trades ----------------------------------------------------------------------------------------------------------


def matched(long_lots: Array, short_lots: Array) -> tuple[Array, Array, Array]:
    """Match two lists of lots with the same sum, in order; return (long's place, short's place, lots) of each trade.

    Examples
    --------
    >>> [column.tolist() for column in matched(np.array([3, 4]), np.array([5, 1, 1]))]
    [[0, 1, 1, 1], [0, 0, 1, 2], [3, 2, 1, 1]]
    """
    longs, shorts = np.cumsum(long_lots), np.cumsum(short_lots)
    ends = np.sort(np.concatenate([longs, shorts]), kind="stable")  # two runs that are sorted: merged
    ends = ends[np.diff(ends, prepend=0) > 0]
    begins = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    return (
        np.searchsorted(longs, begins, side="right"),
        np.searchsorted(shorts, begins, side="right"),
        ends - begins,
    )


def _shares(lots: int, among: Sequence[int]) -> tuple[Array, Array]:
    """Split lots among accounts as evenly as whole lots allow; those who get none are left out."""
    each, over = divmod(lots, len(among))
    parts = np.full(len(among), each, dtype=np.int64)
    parts[:over] += 1
    return np.array(among, dtype=np.int32)[parts > 0], parts[parts > 0]


def _trades(
    building: Building, crowd: Crowd, markets: Sequence[Market], positions: Positions, rest: Sequence[int]
) -> list[tuple[int, Array, Array, Array, int]]:
    """Return the balanced trades of each market: (market, buyers, sellers, lots, price)."""
    found, missing = [], []
    keys = 2 * positions.market + (positions.side < 0)  # longs, then shorts of each market
    ordered = np.argsort(keys, kind="stable")
    bounds = np.searchsorted(keys[ordered], np.arange(2 * len(markets) + 1))
    for place, (name, market) in enumerate(zip(crowd.on, markets, strict=True)):
        rows = [ordered[bounds[2 * place + side] : bounds[2 * place + side + 1]] for side in (0, 1)]
        sides = [(positions.account[own], positions.lots[own]) for own in rows]
        gap = int(sides[0][1].sum()) - int(sides[1][1].sum())
        if gap and not rest:
            what = "short" if gap > 0 else "long"
            missing.append(f"{market.quantity.value(abs(gap))} {what} of {name}")
        elif gap:
            account, lots = _shares(abs(gap), rest)
            side = 1 if gap > 0 else 0
            sides[side] = np.concatenate([sides[side][0], account]), np.concatenate([sides[side][1], lots])
        if not missing and len(sides[0][0]):
            long, short, lots = matched(sides[0][1], sides[1][1])
            found.append((place, sides[0][0][long], sides[1][0][short], lots, building.price_ticks(name)))
    if missing:
        raise InputError("rest", f"populations that take what remains (L-9): {', '.join(missing)}", "none")
    return found


def _open(building: Building, markets: Sequence[Market], trades: list[tuple[int, Array, Array, Array, int]]) -> None:
    """Open all trades in one call, so that each account is looked at once."""
    if not trades:
        return
    places, buyers, sellers, lots, prices = zip(*trades, strict=True)
    counts = [len(each) for each in lots]
    numbers = np.array([markets[place].number for place in places], dtype=np.uint16)
    building.sim.world.open_trades(
        np.repeat(numbers, counts),
        np.concatenate(buyers).astype(np.int32, copy=False),
        np.concatenate(sellers).astype(np.int32, copy=False),
        np.concatenate(lots).astype(np.int64, copy=False),
        np.repeat(np.array(prices, dtype=np.int64), counts),
    )


def _settles(markets: Sequence[Market]) -> dict[int, tuple[Asset, list[int]]]:
    """Return the settlement assets, each with the places of its markets."""
    found: dict[int, tuple[Asset, list[int]]] = {}
    for place, market in enumerate(markets):
        found.setdefault(market.quote.number, (market.quote, []))[1].append(place)
    return found


def _deposited(markets: Sequence[Market], positions: Positions) -> list[tuple[Asset, Array, Array]]:
    """Return what the members bring: (asset, their places, atoms) for each settlement asset."""
    brought = []
    for asset, places in _settles(markets).values():
        here = np.isin(positions.market, places)
        atoms = np.zeros(int(positions.ordinal.max()) + 1, dtype=np.int64)
        np.add.at(atoms, positions.ordinal[here], positions.margin[here])
        members = np.flatnonzero(atoms)
        brought.append((asset, members, atoms[members]))
    return brought


def _deposit(building: Building, markets: Sequence[Market], positions: Positions) -> None:
    first = int(positions.account[0]) - int(positions.ordinal[0])
    for asset, members, atoms in _deposited(markets, positions):
        if len(members):
            building.sim.world.deposits((first + members).astype(np.int32), asset.number, atoms)


# ---- what they will do -----------------------------------------------------------------------------------------------


def _declare(building: Building, crowd: Crowd, markets: Sequence[Market], positions: Positions) -> None:
    """Declare the crowd's links, stops, dips and top-ups."""
    if crowd.stop_loss is None and crowd.top_up is None and crowd.dip_buy is None:
        return
    members, top_up = building.accounts[crowd.name], crowd.top_up
    options: dict[str, Any] = {}
    if top_up is not None:
        ladder = building.sim.ladders[building.venue_of(crowd, crowd.markets())]
        actions = [boundary.action.name.lower().replace("_", "-") for boundary in ladder.boundaries]
        reserve = None if top_up.reserve is None else building.accounts[top_up.reserve][0]
        options = {"top_up_state": actions.index(top_up.when) + 1, "top_up_after_ms": top_up.after, "reserve": reserve}
    number = building.sim.world.add_crowd(
        crowd.name,
        members[0],
        crowd.count,
        latency_ms=crowd.link.base,
        latency_law=jitter_law(crowd.link.jitter),
        **options,
    )
    if crowd.stop_loss is not None:
        _stops(building, crowd, number, markets, positions)
    if crowd.dip_buy is not None:
        _dips(building, crowd, number, markets, positions)
    if top_up is not None:
        _top_ups(building, crowd, number, markets, positions)


def _has(building: Building, crowd: Crowd, share: Any, k: int) -> Array:
    """Tell which members are of a share of the crowd."""
    return _uniform(building, crowd, k) < float(share)


def _opening(building: Building, crowd: Crowd, market: Array) -> Array:
    return np.array([building.price_ticks(name) for name in crowd.on], dtype=np.int64)[market]


def _plans(
    building: Building,
    number: int,
    kind: str,
    markets: Sequence[Market],
    rows: tuple[Array, Array, Array],
    lots: Any = None,
) -> None:
    """Declare plans of (account, market, price in ticks), prices held within 1 and the highest that there is."""
    account, market, ticks = rows
    if not len(account):
        return
    building.sim.world.add_plans(
        number,
        kind,
        np.ascontiguousarray(account, dtype=np.int32),
        np.array([each.number for each in markets], dtype=np.uint16)[market],
        np.clip(ticks, 1, 2**31 - 2).astype(np.int64),
        lots,
    )


def _stops(building: Building, crowd: Crowd, number: int, markets: Sequence[Market], positions: Positions) -> None:
    """Give each position of some members a stop-loss: a long's price rounded down, a short's up."""
    assert crowd.stop_loss is not None
    has = _has(building, crowd, crowd.stop_loss.share, STOP_SHARE)
    for place in range(int(positions.round.max()) + 1):
        distances = _draw(building, crowd, crowd.stop_loss.distance, OF_POSITION * (place + 1) + STOP)
        own = (positions.round == place) & has[positions.ordinal]
        distance, price = distances[positions.ordinal[own]], _opening(building, crowd, positions.market[own])
        ticks = np.where(positions.side[own] > 0, np.floor(price * (1.0 - distance)), np.ceil(price * (1.0 + distance)))
        _plans(building, number, "stop", markets, (positions.account[own], positions.market[own], ticks))


def _dips(building: Building, crowd: Crowd, number: int, markets: Sequence[Market], positions: Positions) -> None:
    """Let some members buy once, on the market of their first position."""
    assert crowd.dip_buy is not None
    has = _has(building, crowd, crowd.dip_buy.share, DIP_SHARE)
    own = (positions.round == 0) & has[positions.ordinal]
    market, ordinal = positions.market[own], positions.ordinal[own]
    fall = _draw(building, crowd, crowd.dip_buy.fall, DIP_FALL)[ordinal]
    worth = _draw(building, crowd, crowd.dip_buy.worth, DIP_WORTH)[ordinal]
    lots, _ = _sizes(building, crowd, markets, market, worth)
    ticks = np.floor(_opening(building, crowd, market) * (1.0 - fall))
    _plans(building, number, "dip", markets, (positions.account[own], market, ticks), np.ascontiguousarray(lots))


def _top_ups(building: Building, crowd: Crowd, number: int, markets: Sequence[Market], positions: Positions) -> None:
    """Let some members top up: a share of what they brought of their first position's asset, rounded down."""
    assert crowd.top_up is not None
    brought = np.zeros((len(_settles(markets)), crowd.count), dtype=np.int64)
    for place, (_, members, atoms) in enumerate(_deposited(markets, positions)):
        brought[place, members] = atoms
    assets = np.empty(len(markets), dtype=np.int64)
    for place, (_, places) in enumerate(_settles(markets).values()):
        assets[places] = place
    first = positions.round == 0
    deposit = brought[assets[positions.market[first]], positions.ordinal[first]]
    share = _draw(building, crowd, crowd.top_up.amount, TOP_UP)[positions.ordinal[first]]
    own = _has(building, crowd, crowd.top_up.share, TOP_UP_SHARE)[positions.ordinal[first]]
    atoms = np.maximum(1, np.floor(deposit * share)).astype(np.int64)[own]
    if len(atoms):
        accounts = np.ascontiguousarray(positions.account[first][own], dtype=np.int32)
        building.sim.world.add_top_ups(number, accounts, atoms, crowd.top_up.times)
