"""What happens to a scenario from outside: shocks and orders."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError

from engine.scenario.base import Model, Named
from engine.scenario.laws import Drawn, Law
from engine.scenario.markets import Ref
from engine.scenario.problems import TAG, Problem, expected_error, problems_of
from engine.scenario.quantities import AMOUNT, DURATION, MOMENT, PRICE, SUPPLY, Amount

__all__ = ["EVENT_KINDS", "OrderRow", "Orders", "Shock", "read_rows"]

SHIPPED_DATA = FilePath(__file__).resolve().parent.parent / "scenarios" / "data"
_AS_LIST, _AS_FILE = f"{TAG}list", f"{TAG}file"
ROW_COLUMNS = ("at", "market", "side", "price", "quantity", "immediate", "cancel_after")


class _Event(Named):
    at: Annotated[int | str, MOMENT] = Field(0, description='when, such as "60s" or "20:50"')
    account: Ref | None = Field(
        None, description="population whose first member acts; an account of its own if not given"
    )
    brings: dict[str, Annotated[Decimal | Law, Drawn(SUPPLY)]] = Field(
        default_factory=dict, description="deposit of the event's own account, by asset"
    )


class Shock(_Event):
    """Sell or buy an amount with market orders of equal size over a time; a landmark (G-5)."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("market",)
    kind: Literal["shock"] = "shock"
    market: Ref = Field(description="market that is hit")
    sell: Annotated[Amount, AMOUNT] | None = Field(None, description='such as "250k ATOM" or "40M USDT"')
    buy: Annotated[Amount, AMOUNT] | None = Field(None, description='such as "250k ATOM" or "40M USDT"')
    over: Annotated[int, DURATION] = Field(0, description="time over which it is spread")
    slices: int | None = Field(None, strict=True, ge=1, le=10**6, description="orders; one each 100 ms by default")

    @property
    def slice_count(self) -> int:
        """Orders into which the amount is cut."""
        return self.slices or max(1, min(1000, self.over // 100))

    def markets(self, _: FilePath | None) -> list[str]:
        """Names of the markets on which it trades."""
        return [self.market]


def _row_of_list(value: object) -> object:
    """Turn ``[at, market, side, price or "market", quantity, immediate, cancel_after]`` into a table."""
    if not isinstance(value, (list, tuple)):
        return value
    if not 5 <= len(value) <= len(ROW_COLUMNS):
        raise expected_error(f"5 to {len(ROW_COLUMNS)} columns: {', '.join(ROW_COLUMNS)}", list(value))
    return dict(zip(ROW_COLUMNS, value, strict=False))


def _price_or_market(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() in ("market", "") else value


class OrderRow(Model):
    """One order from outside; what it does not say, its event says."""

    at: Annotated[int, DURATION] = Field(0, description="time after the event's own, and after its place in the row")
    market: Ref | None = None
    side: Literal["buy", "sell"] | None = None
    price: Annotated[Annotated[Decimal, PRICE] | None, BeforeValidator(_price_or_market)] = Field(
        None, description="limit; a market order if not given"
    )
    quantity: Annotated[Amount, AMOUNT] = Field(description='quantity, such as "10" (of the base) or "250 USDT"')
    immediate: bool = Field(False, strict=True, description="what does not trade at once is cancelled")
    cancel_after: Annotated[int, DURATION] | None = Field(None, description="time until it is cancelled")


_RowInput = OrderRow | Annotated[list[Any], Field(min_length=5, max_length=len(ROW_COLUMNS))]
_Row = Annotated[OrderRow, BeforeValidator(_row_of_list, json_schema_input_type=_RowInput)]


class Orders(_Event):
    """Send orders from outside: rows here, or a CSV file of them.

    The order in place i arrives at ``at + i x every`` plus its own ``at``. With `shuffle` the places are drawn, keyed
    by the event's name; rows that differ in quantity only keep their order.
    """

    POSITIONAL: ClassVar[tuple[str, ...]] = ("rows",)
    kind: Literal["orders"] = "orders"
    rows: Annotated[
        Annotated[list[_Row], Tag(_AS_LIST)] | Annotated[str, Tag(_AS_FILE)],
        Discriminator(lambda value: _AS_FILE if isinstance(value, str) else _AS_LIST),
    ] = Field(description="rows, a list of orders or the name of a CSV file")
    market: Ref | None = Field(None, description="for rows that name none")
    side: Literal["buy", "sell"] | None = Field(None, description="for rows that name none")
    every: Annotated[int, DURATION] = Field(0, description="time from one order to the next")
    shuffle: bool = Field(False, strict=True, description="arrive in an order drawn by the seed")

    def listed(self, folder: FilePath | None) -> list[OrderRow]:
        """Return its rows, from their file if it names one, with the event's market and side where they have none."""
        rows = self.rows if isinstance(self.rows, list) else read_rows(self.rows, folder)[0]
        return [self.whole(row) for row in rows]

    def markets(self, folder: FilePath | None) -> list[str]:
        """Names of the markets on which it trades, each once."""
        return list(dict.fromkeys(row.market for row in self.listed(folder) if row.market is not None))

    def whole(self, row: OrderRow) -> OrderRow:
        """Return a row with the event's market and side where it has none."""
        return row.model_copy(update={"market": row.market or self.market, "side": row.side or self.side})


EVENT_KINDS: dict[str, type[Named]] = {"shock": Shock, "orders": Orders}
Event = Annotated[Shock | Orders, Field(discriminator="kind")]


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    """Return a CSV row without its empty cells, its flag as a bool."""
    cells: dict[str, Any] = {
        name: value.strip() for name, value in row.items() if isinstance(value, str) and value.strip()
    }
    flags = {"true": True, "false": False, "1": True, "0": False}
    if "immediate" in cells:
        cells["immediate"] = flags.get(cells["immediate"].lower(), cells["immediate"])
    return cells


def read_rows(name: str, folder: FilePath | None) -> tuple[list[OrderRow], list[Problem]]:
    """Read orders from a CSV file with a header of `ROW_COLUMNS`.

    Parameters
    ----------
    name : str
        File beside the scenario's own, or one that is shipped.
    folder : Path or None
        Where the scenario's file is.

    Returns
    -------
    list of OrderRow, list of Problem
        A problem's path is empty; it names the file and the line.
    """
    places = [place / name for place in (folder, SHIPPED_DATA) if place is not None]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return [], [Problem((), "a CSV file beside the scenario or a shipped one", name)]
    rows, problems = [], []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            for row in reader:
                try:
                    rows.append(OrderRow.model_validate(_cells(row)))
                except ValidationError as error:
                    for found in problems_of(error, OrderRow):
                        text = f"{name} line {reader.line_num}, {found.path[0]}: {found.expected}"
                        problems.append(Problem((), text, found.was))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        problems.append(Problem((), f"a CSV file that can be read ({name})", str(error)))
    return rows, problems
