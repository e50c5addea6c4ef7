"""The page: one HTML file that opens without a network, with its script, its data and its words.

Stands on the other files of `engine.report`; plotly (extra ``report``) is asked for its script only, when a page is
written. Promises: the page loads nothing from anywhere (its own policy forbids it), every name is escaped, and a run
gives the same page twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.lineage import LandmarkKind
from engine.report import cascade, events, money, sections
from engine.report.chain import Chain, chosen_liquidation
from engine.report.prices import price_and_depth
from engine.report.tables import percent, table
from engine.report.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.part import Part
    from engine.report.series import Chart
    from engine.run import RunResult
    from engine.simulation import Market

__all__ = ["Page"]

BYTES_MAX = 8_000_000
NAMED_EVENTS = (
    (LandmarkKind.SHOCK, "first shock"),
    (LandmarkKind.WITHDRAWAL, "first withdrawal"),
    (LandmarkKind.LIQUIDATION, "first liquidation"),
    (LandmarkKind.ADL, "first ADL"),
)
# Nothing is loaded; scripts and styles are the page's own.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


@dataclass
class Page:
    """The page of a part, perhaps with the run that it belongs to.

    Parameters
    ----------
    part : Part
        It has run.
    result : RunResult, optional
        Its run: scenario, timeline, the other parts, scorecard and counterfactuals.
    markets : sequence of str, optional
        Which markets to show; else the story's and those that fell furthest.
    landmark : int, optional
        Which liquidation to tell; else of the deepest generation the one that lost most.

    Raises
    ------
    InputError
        There is no such market or landmark.
    """

    part: Part
    result: RunResult | None = None
    markets: Sequence[str] | None = None
    landmark: int | None = None
    view: View = field(init=False, repr=False)

    def __post_init__(self) -> None:
        source = None if self.result is None else self.result.source
        if source is None:
            self.view = View(self.part, None, self.markets)
        else:
            venues = [name for name, venue in source.venues.items() if venue.enabled]
            self.view = View(self.part, source.story, self.markets, venues)
        if self.landmark is not None:
            self.view.lineage.landmark(self.landmark)

    # ---- what is on it ----

    @cached_property
    def figures(self) -> dict[str, Any]:
        """The part's figures."""
        if self.result is not None and self.result.parts.get(self.part.name) is self.part:
            return self.result.measured()[self.part.name]
        return self.part.figures

    @cached_property
    def twin(self) -> View | None:
        """The part of the same story in which nothing fell, where this is the one that did."""
        pair = (*getattr(self.view.story, "PICTURE_PARTS", ()), "", "")
        if self.result is None or pair[0] != self.part.name or pair[1] not in self.result.parts:
            return None
        part = self.result.parts[pair[1]]
        known = part.simulation.markets
        names = [market.name for market in self.view.markets if market.name in known]
        return View(part, None, names) if names else None

    @cached_property
    def market_charts(self) -> list[tuple[Market, Chart, Chart]]:
        """Prices and depth of each shown market."""
        return list(price_and_depth(self.view, self.twin))

    @cached_property
    def charts(self) -> dict[str, Chart]:
        """The other charts by key."""
        view = self.view
        made = [
            events.withdrawals(view),
            events.liquidations(view),
            events.adl(view),
            *events.forced_volume(view),
            *money.funds(view),
            *money.bad_debt(view),
            money.leverage(view),
            events.lending(view),
            cascade.generations(view),
            cascade.reproduction(view),
        ]
        return {chart.key: chart for chart in made}

    @cached_property
    def chain(self) -> Chain | None:
        """The chain that is told."""
        if self.landmark is not None:
            return Chain(self.view, self.landmark, "as asked")
        landmark, reason = chosen_liquidation(self.view)
        return None if landmark is None else Chain(self.view, landmark, reason)

    @cached_property
    def data(self) -> dict[str, Any]:
        """What the page's script draws, and what stands in its words."""
        return {
            "scenario": self._name,
            "part": self.part.name,
            "seed": self.part.simulation.seed,
            "digest": None if self.result is None else self.result.digest,
            "part_digest": self.figures["digest"],
            "start_ms": self.view.start_ms,
            "end_ms": self.view.end_ms,
            "events": self._named_events(),
            "markets": [
                {"name": market.name, "prices": _whole(prices), "depth": _whole(depth)}
                for market, prices, depth in self.market_charts
            ],
            "charts": {key: chart.to_json() for key, chart in self.charts.items() if not chart.is_empty},
            "chain": [] if self.chain is None else [link.to_json() for link in self.chain.links],
        }

    @property
    def _name(self) -> str:
        if self.result is not None:
            return self.result.scenario
        plan = self.part.simulation.plan
        return self.part.name if plan is None else plan.name

    def _named_events(self) -> list[dict[str, Any]]:
        """Return the first of each kind of event, for the charts."""
        found = []
        for kind, text in NAMED_EVENTS:
            times = self.view.times_of(kind)
            if len(times):
                found.append({"t": int(times[0]), "text": text})
        return found

    # ---- HTML ----

    def html(self) -> str:
        """Return the page.

        Raises
        ------
        ImportError
            The extra ``report`` is not installed.
        """
        own = files("engine.report")
        style, script = ((own / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
        held = json.dumps(self.data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        is_plain = self.part.name in ("base", self._name)
        title = escape(self._name if is_plain else f"{self._name}: {self.part.name}")
        text = "".join(
            [
                '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
                f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                f"<title>{title}</title><style>\n{style}</style></head><body>\n",
                self._head(title),
                *self._sections(),
                "<footer>Written by firesale. This file is whole: it needs no network and loads nothing.</footer>\n",
                f'<script type="application/json" id="run-data">{held}</script>\n',
                f'<script id="plotly">{_library()}</script>\n<script>\n{script}</script>\n</body></html>\n',
            ]
        )
        if len(text.encode()) > BYTES_MAX:
            raise InputError("markets", f"fewer markets: a page of at most {BYTES_MAX:,} bytes", len(text.encode()))
        return text

    def _head(self, title: str) -> str:
        source = None if self.result is None else self.result.source
        summary = getattr(source, "summary", "") or ""
        view = self.view
        when = f"{view.clock(0)} to {view.clock(view.end_ms)}"
        if view.start is not None:
            when = f"{view.start:%d %B %Y}, {when} UTC"
        interrupted = " The run was interrupted: what follows is what had been done." if self._was_interrupted else ""
        figures = self.figures
        made = f"Seed {self.part.simulation.seed}, digest of the world "
        return (
            f"<header><h1>{title}</h1><p class=lead>{escape(summary)}</p>"
            f"<p>{escape(when)}. {escape(made)}<code>{escape(figures['digest'])}</code>.{interrupted}</p>"
            f"{sections.tiles(self.view, self.figures)}</header>{self._contents()}"
            "<noscript><p class=missing>The charts are drawn by a script in this file. The tables and the chain below "
            "can be read without.</p></noscript>"
        )

    @property
    def _was_interrupted(self) -> bool:
        return self.result is not None and self.result.interrupted

    def _contents(self) -> str:
        links = (f'<a href="#{anchor}">{escape(title)}</a>' for anchor, title, _ in self._parts)
        return f'<nav aria-label="Contents">{"".join(links)}</nav>'

    def _sections(self) -> list[str]:
        return [sections.section(*part) for part in self._parts]

    @cached_property
    def _parts(self) -> list[tuple[str, str, str]]:
        """The sections in order: anchor, title, HTML."""
        chart = {key: sections.chart(each) for key, each in self.charts.items()}

        def all_of(kind: str) -> str:
            return "".join(html for key, html in chart.items() if key.startswith(kind))

        found = [
            *self._timeline(),
            ("prices", "Prices and depth", self._market_section()),
            ("quotes", "Quotes withdrawn", chart["withdrawals"]),
            ("liquidations", "Liquidations and ADL", chart["liquidations"] + chart["adl"]),
            ("forced", "Forced volume", all_of("forced")),
            ("money", "Funds, bad debt, leverage", all_of("funds") + all_of("bad-debt") + chart["leverage"]),
            *(
                [("loans", "Loans", chart["lending"] + sections.lenders(self.figures))]
                if self.view.simulation.lenders
                else []
            ),
            ("cascade", "The cascade", self._cascade_section(chart)),
            ("chain", "From the shock to one liquidation", sections.chain_section(self.chain)),
            ("falls", "How far markets fell", sections.falls_section(self.view)),
        ]
        if self.result is not None:
            found += sections.scores(self.view, self.result)
        found += [
            ("parts", "Figures", self._figures_section()),
            ("parameters", "Parameters", sections.parameters_section(self.view, self.result)),
            ("again", "The same run again", self._again_section()),
        ]
        return found

    def _timeline(self) -> list[tuple[str, str, str]]:
        result = self.result
        if result is None or result.timeline_part != self.part.name or not result.timeline:
            return []
        rows = [(self.view.clock(round(time_s * 1000)), f"{time_s:,.3f}", what) for time_s, what in result.timeline]
        heads = ["UTC" if self.view.start is not None else "time", "s since the start", "what"]
        return [("timeline", "What happened", table(heads, rows, "Timeline", numbers=(1,), quiet=True))]

    def _market_section(self) -> str:
        _, prices, depth = self.market_charts[0]
        options = "".join(
            f"<option{' selected' if place == 0 else ''}>{escape(each.name)}</option>"
            for place, (each, _, _) in enumerate(self.market_charts)
        )
        count, known = len(self.market_charts), len(self.view.by_number)
        shown = (
            "all markets"
            if count == known
            else f"{count} of {known} markets: the story's, and those that fell furthest"
        )
        shown = f"{count} of {known} markets, as asked" if self.markets is not None else shown
        choice = (
            f'<div class=choice><label for="market">Market</label><select id="market">{options}</select>'
            f"<span class=told>{escape(shown)}. Zooming in on one chart zooms all.</span></div>"
        )
        return choice + sections.market_chart(prices) + sections.market_chart(depth)

    def _cascade_section(self, chart: Mapping[str, str]) -> str:
        rows, told = cascade.shares(self.view)
        if rows:
            cells = [(name, percent(share)) for name, share in rows]
            caption = "Where the forced volume goes back to"
            words = "Each forced trade lies on its step and goes to the causes by weight, up to the roots (rule G-13)."
            roots = table(["root", "share"], cells, caption, numbers=(1,)) + f"<p class=told>{words}</p>"
        else:
            roots = f"<p class=missing>{escape(told[:1].upper() + told[1:])}.</p>"
        return f'<div class="pair">{chart["generations"]}{chart["reproduction"]}</div>{roots}'

    def _figures_section(self) -> str:
        figures = self.result.measured() if self.result is not None else {self.part.name: self.figures}
        if self.part.name not in figures:
            figures = {**figures, self.part.name: self.figures}
        return sections.parts_section(figures, self.part.name)

    def _again_section(self) -> str:
        from engine.run import versions

        command = "" if self.result is None else self.result.command
        seed = self.part.simulation.seed
        digests = {"digest of this part": self.figures["digest"]}
        if self.result is not None:
            digests = {"digest of the run": self.result.digest, **digests}
        return sections.reproduce(command, digests, seed, versions())


def _whole(chart: Chart) -> dict[str, Any]:
    """Return a market's chart with its words, which change with the market."""
    return {**chart.to_json(), "told": sections.told_of(chart), "missing": sections.missing_of(chart)}


def _library() -> str:
    """Return the script of plotly; it must not end the element that it stands in."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script.replace("</script", "<\\/script")
