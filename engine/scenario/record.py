"""What a run records: the switches of the world's tables, by the names of `docs/tables.md`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from engine.scenario.base import Model
from engine.scenario.quantities import DURATION

__all__ = ["Record"]

SPILL_ROWS = 2**16  # what is left of four tables when Ctrl-C comes takes half of its 100 ms to write
CADENCES = ("mid_every", "depth_every", "samples_every", "accounts_every")


class Record(Model):
    """What a run records."""

    trades: bool = Field(True, strict=True, description="table trades: each trade")
    journal: bool = Field(True, strict=True, description="table journal: each command as it reaches its book")
    orders: bool = Field(False, strict=True, description="table orders: each arrival, cancel and miss")
    quotes: bool = Field(False, strict=True, description="table quotes: each change of a best price")
    quote_sizes: bool = Field(False, strict=True, description="and of the lots there")
    last: bool = Field(False, strict=True, description="table prices: each change of the last price")
    mid_every: Annotated[int, DURATION] = Field(0, description="table prices: cadence of the mid; 0ms: none")
    depth_every: Annotated[int, DURATION] = Field(0, description="table depth: cadence of the best levels; 0ms: none")
    depth_levels: int = Field(10, strict=True, ge=1, le=65_535, description="best levels of each side in it")
    samples_every: Annotated[int, DURATION] = Field(
        0, description="table samples: cadence of touch, prices and lots within 1 %; 0ms: none"
    )
    accounts_every: Annotated[int, DURATION] = Field(0, description="table accounts: cadence; 0ms: none")
    accounts: Literal["positions", "all"] = Field("positions", description="which accounts it shows")
    movements: bool = Field(False, strict=True, description="table movements: each move of atoms")
    waterfall: bool = Field(False, strict=True, description="table waterfall: what liquidations did, row by row")
    actions: bool = Field(False, strict=True, description="table actions: each action at lenders, pools and the like")
    spill: int = Field(
        SPILL_ROWS,
        strict=True,
        ge=0,
        le=2**40,
        description="rows of a table that stay in memory if there is a run folder, which takes the older ones; 0: all",
    )

    def switches(self) -> dict[str, Any]:
        """Return the parameters of the world's `record`."""
        names = [name for name in type(self).model_fields if name != "spill"]
        return {f"{name}_ms" if name in CADENCES else name: getattr(self, name) for name in names}
