"""The reference's own checks: each planted error is found and named by its rule; on the reference only."""

from __future__ import annotations

import pytest

from engine.errors import InvariantError
from engine.reference import OrderBook
from engine.reference.order import Stand
from engine.reference.stops import StopKind
from engine.types import MarketState, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL


def full_book():
    """A book with something of everything; order 1 is an iceberg, 2 expires, 3 and 4 are stops, 5 is reduce-only."""
    book = OrderBook(owners=2, stops_per_ms=1, price_max=200)
    book.set_position(1, 9)
    book.limit(BUY, 90, 7, order_id=1, owner=0, display_lots=3)
    book.limit(BUY, 90, 2, order_id=2, owner=0, time_in_force=TimeInForce.GTT, expires_ms=50)
    book.stop(BUY, 150, 2, order_id=3, owner=1)
    book.stop(SELL, 50, 2, order_id=4, owner=1, on_mark=True)
    book.limit(SELL, 110, 6, order_id=5, owner=1, reduce_only=True)
    return book, book._state


def order(state, order_id):
    return next(order for order in state.names._open.values() if order.id == order_id)


def lock(state):
    state.ladder(BUY)._levels[-110] = state.ladder(BUY)._levels.pop(-90)
    state.ladder(BUY).level(110).price_ticks = 110


def swap_queue(state):
    state.bids.level(90).queue.move_to_end(order(state, 1).seq)


def show_more(state):
    order(state, 1).shown_lots += 1
    order(state, 1).hidden_lots -= 1
    state.bids.level(90).shown_lots += 1


def lose_hidden(state):
    order(state, 1).hidden_lots -= 1


def lose_hidden_everywhere(state):
    order(state, 1).hidden_lots -= 1
    state.bids.lots -= 1


def lose_level_lots(state):
    state.bids.level(90).shown_lots -= 1


def lose_stop_lots(state):
    order(state, 3).shown_lots -= 1


def reach_a_stop(state):
    state.last_price = 150


def reach_a_stop_on_mark(state):
    state.mark_price = 50


def hold_a_fired_stop(state):
    state.stops.fire(StopKind(on_mark=False, side=BUY), 150)


def run_too_many(state):
    state.stops_run = 2


def shrink_position(state):
    state.positions.tell(1, 5)


def forget_owner(state):
    state.owners[0].popitem()


def turn_owners_orders_round(state):
    state.owners[0] = dict(reversed(state.owners[0].items()))


def forget_expiry(state):
    state.expiries.clear()


def miss_expiry(state):
    state.now_ms = 50


def misplace(state):
    order(state, 5).stand = Stand.WAITING


def misname(state):
    state.names._open[next(iter(state.names._open))] = order(state, 5)


def let_ioc_rest(state):
    order(state, 2).time_in_force = TimeInForce.IOC


PLANTED = {
    lock: "M-11",
    swap_queue: "M-1",
    show_more: "M-22",
    lose_hidden: "ladder",
    lose_hidden_everywhere: "M-13",
    lose_level_lots: "ladder",
    lose_stop_lots: "stops",
    reach_a_stop: "M-25",
    reach_a_stop_on_mark: "M-25",
    hold_a_fired_stop: "M-25",
    run_too_many: "M-25",
    shrink_position: "M-27",
    forget_owner: "M-9",
    turn_owners_orders_round: "M-9",
    forget_expiry: "M-21",
    miss_expiry: "M-21",
    misplace: "ladder",
    misname: "M-6",
    let_ioc_rest: "M-4",
}


def test_the_book_is_sound_without_a_planted_error():
    full_book()[0].check_invariants()


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_error_is_found(plant):
    book, state = full_book()
    plant(state)
    with pytest.raises(InvariantError) as caught:
        book.check_invariants()
    assert caught.value.broken.startswith(PLANTED[plant])
    assert caught.value.state  # a dump comes with it


def test_m25_what_is_reached_may_wait_while_the_book_is_not_open():
    book, state = full_book()
    book.set_state(MarketState.HALTED)
    reach_a_stop(state)
    book.check_invariants()


def test_m25_a_fired_stop_may_wait_for_the_next_millisecond():
    book, state = full_book()
    state.stops_run = 1
    hold_a_fired_stop(state)
    book.check_invariants()
