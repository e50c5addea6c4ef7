"""Sections of the page: which charts and tables stand under which heading.

Stands on the charts of `engine.report` and on `engine.report.tables`. A section is a heading, an anchor and HTML; a
chart is a placeholder with its words, drawn by the page's script from the embedded data.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from engine.lineage import LandmarkKind
from engine.report.tables import (
    attribution_table,
    code,
    counterfactual_table,
    fields,
    flat,
    percent,
    plural,
    scorecard_table,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.report.chain import Chain, Link
    from engine.report.series import Chart
    from engine.report.view import View
    from engine.run import RunResult

    Part = tuple[str, str, str]  # anchor, title, HTML

__all__ = ["chain_section", "chart", "falls_section", "parameters_section", "parts_section", "scores", "section"]

LINKS_SHOWN = 48  # of a longer chain the middle is folded
FALLS_SHOWN = 30
CHANGES_SHOWN = 200
TOML_SHOWN = 200_000  # characters


def section(anchor: str, title: str, html: str) -> str:
    """Return a section."""
    return f'<section id="{anchor}"><h2>{escape(title)}</h2>{html}</section>\n'


def told_of(made: Chart) -> str:
    """Return what stands below a chart."""
    if not made.is_thinned:
        return made.told
    return (
        f"{made.told} Long series are thinned: of each column of pixels first, lowest, highest and last value are kept."
    )


def missing_of(made: Chart) -> str:
    """Return what is said instead of an empty chart; nothing of one that is drawn."""
    return _sentence(made.missing or "nothing was recorded") if made.is_empty else ""


def chart(made: Chart) -> str:
    """Return the place of a chart with the words below it; what is missing is said instead of an empty chart."""
    told, title, key = escape(told_of(made)), escape(made.title), escape(made.key)
    if made.is_empty:
        drawn = f'<p class="missing">{escape(missing_of(made))}</p>'
    else:
        drawn = f'<div class="chart" data-chart="{key}" role="img" aria-label="{title}. {told}"></div>'
    words = f"<figcaption>{told}</figcaption>" if told else ""  # of several charts of one kind the last has them
    return f"<figure><h3>{title}</h3>{drawn}{words}</figure>"


def market_chart(made: Chart) -> str:
    """Return the place of a chart that follows the choice of a market: the script changes its words too."""
    told, title, key = escape(told_of(made)), escape(made.title), escape(made.key)
    hidden = ("", " hidden") if made.is_empty else (" hidden", "")
    return (
        f'<figure><h3 data-title="{key}">{title}</h3>'
        f'<p class="missing" data-missing="{key}"{hidden[0]}>{escape(missing_of(made))}</p>'
        f'<div class="chart" data-chart="{key}" role="img" aria-label="{title}. {told}"{hidden[1]}></div>'
        f'<figcaption data-told="{key}">{told}</figcaption></figure>'
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def tiles(view: View, figures: Mapping[str, Any]) -> str:
    """Return the run in a few numbers."""
    deepest = max(map(int, figures["liquidations_by_generation"]), default=0)
    share = view.lineage.endogenous_share()
    own = next((fall for fall in view.falls if fall.market.name == figures["market"]), None)
    cells = []
    if own is not None:
        low = f"{own.market.price.value(own.low):,} {own.market.quote.name}"
        cells.append((f"low of {own.market.name}", low, f"a fall of {percent(own.share)}, at {view.clock(own.low_ms)}"))
    cells.append(("liquidations", f"{figures['liquidations']:,}", plural(deepest, "generation") if deepest else "none"))
    if share is not None:
        cells.append(("endogenous share", percent(share), "of liquidations have one behind them"))
    cells.append(("withdrawals of makers", f"{figures['withdrawals']:,}", f"{figures['returns']:,} came back"))
    took, closed = (len(view.rows_of(kind)) for kind in (LandmarkKind.TAKEOVER, LandmarkKind.ADL))
    cells.append(("ADL", f"{closed:,}", plural(took, "takeover")))
    debts = [f"{worth:,.0f} {asset}" for asset, worth in figures["bad_debts"].items()]
    cells.append(("bad debt", debts[0] if debts else "0", ", ".join(debts[1:])))
    counts = figures["counts"]
    cells.append(("trades", f"{counts['trades']:,}", f"{counts['orders']:,} orders, {counts['events']:,} events"))
    made = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(more)}</small></dd></div>"
        for name, value, more in cells
    )
    return f'<dl class="tiles">{"".join(made)}</dl>'


def lenders(figures: Mapping[str, Any]) -> str:
    """Return what each lender did, and what its borrowers owe beyond their collateral."""
    rows = [
        [
            name,
            each["liquidations"],
            each["repaid"],
            ", ".join(f"{worth:,.2f} {asset}" for asset, worth in each["deficit"].items()) or "0",
            each["waiting"],
            each["under_water"],
        ]
        for name, each in figures["lenders"].items()
    ]
    heads = [
        "lender",
        "liquidations done",
        "repaid by them",
        "bad debt",
        "loans waiting at the end",
        "under water then",
    ]
    return table(heads, rows, "Lenders", numbers=(1, 2, 3, 4, 5))


def falls_section(view: View) -> str:
    """Return how far each market fell, the furthest first."""
    ordered = sorted(view.falls, key=lambda fall: (-fall.share, fall.market.number))
    if not ordered:
        return f'<p class="missing">{_sentence("no fall is known: no market has a price on record")}</p>'
    rows = []
    for fall in ordered[:FALLS_SHOWN]:
        price = fall.market.price
        prices = [f"{price.value(ticks):,}" for ticks in (fall.first, fall.low)]
        last = f"{price.value(fall.last):,}"
        venue = view.venue(fall.market.venue)
        rows.append([fall.market.name, venue, *prices, percent(fall.share), view.clock(fall.low_ms), last])
    heads = ["market", "venue", "first", "low", "fall", "at", "last"]
    more = len(ordered) - FALLS_SHOWN
    words = f"Read from {view.falls_by}. Fall = 1 - low / first."
    words += f" {more} markets that fell less are left out." if more > 0 else ""
    if len(ordered) > 2:
        shares = sorted(fall.share for fall in ordered)
        words += f" The median market fell by {percent(shares[len(shares) // 2])}."
    return (
        table(heads, rows, "How far markets fell", numbers=(2, 3, 4, 5, 6), quiet=True)
        + f"<p class=told>{escape(words)}</p>"
    )


def chain_section(chain: Chain | None) -> str:
    """Return the chain from the shock to the chosen liquidation."""
    if chain is None:
        return '<p class="missing">Nobody was liquidated in this run: there is no chain to tell.</p>'
    links = chain.links
    items = [_item(link) for link in links]
    middle = ""
    head, tail = items, []
    if len(items) > LINKS_SHOWN:
        half = LINKS_SHOWN // 2
        head, folded, tail = items[:half], items[half:-half], items[-half:]
        middle = (
            f"<details><summary>{len(folded)} links between</summary>"
            f'<ol class="chain" start="{half + 1}">{"".join(folded)}</ol></details>'
        )
    first = f'<ol class="chain">{"".join(head)}</ol>'
    rest = f'<ol class="chain" start="{len(items) - len(tail) + 1}">{"".join(tail)}</ol>' if tail else ""
    last = chain.last
    told = (
        f"From the root to landmark {last.id}, {len(links)} links, along the heaviest cause of each (rules G-5, G-6). "
        f"Chosen: {chain.reason}."
    )
    why = "\n".join(chain.why)
    return (
        f"<p class=told>{escape(told)}</p>{first}{middle}{rest}"
        + (f"<p><strong>In the end:</strong> {escape(chain.end)}</p>" if chain.end else "")
        + f"<details><summary>The same as <code>Lineage.why({last.id})</code> prints it</summary>"
        f'<pre tabindex="0">{escape(why)}</pre></details>'
    )


def _item(link: Link) -> str:
    kind = escape(link.kind.lower().replace("_", " "))
    text = f"{escape(link.text)}{_causes(link.causes)}"
    return f'<li><time>{escape(link.clock)}</time> <span class="kind">{kind}</span> {text}</li>'


def _causes(causes: Sequence[str]) -> str:
    return f' <span class="causes">Caused {escape(", ".join(causes))}.</span>' if causes else ""


def scores(view: View, result: RunResult) -> list[Part]:
    """Return the sections of the scorecard and of the counterfactuals, those that there are."""
    found = []
    scorecard = result.scorecard or _score_of_run(view, result)
    if scorecard:
        told = (
            "Measured on the day, and simulated. A statistic is inside when the simulated median lies in its band; one "
            "that was fitted is no hit."
        )
        if not result.scorecard:
            told += f" Of this run alone: firesale score {result.scenario} scores over seeds."
        found.append(("scorecard", "Scorecard", f"{scorecard_table(scorecard)}<p class=told>{escape(told)}</p>"))
    if result.counterfactuals:
        told = (
            "The same seeds with one thing switched off: common random numbers, so that a difference is the switch's. "
            "Where the interval holds 0, chance explains the difference."
        )
        html = f"{counterfactual_table(result.counterfactuals)}<p class=told>{escape(told)}</p>"
        html += attribution_table(result.attribution) if result.attribution else ""
        html += "".join(f"<p>{escape(sentence)}</p>" for sentence in result.verdict)
        found.append(("counterfactuals", "Counterfactuals", html))
    return found


def _score_of_run(view: View, result: RunResult) -> list[dict[str, Any]]:
    """Return the rows of one run's scorecard, where its story has statistics and told them."""
    statistics, told = getattr(view.story, "STATISTICS", None), result.story_figures.get("statistics")
    if not statistics or told is None:
        return []
    from engine.scorecard import scorecard

    return scorecard(statistics, [told], scenario=result.scenario, scale="", seeds=(result.seed,)).rows()


def parts_section(figures: Mapping[str, Mapping[str, Any]], told: str) -> str:
    """Return the figures of every part of the run beside one another."""
    rows = []
    for name, each in figures.items():
        market = each["market"]
        rows.append(
            [
                f"{name} (this page)" if name == told and len(figures) > 1 else name,
                f"{market}: {'-' if each['low'] is None else format(each['low'], ',')}",
                each["counts"]["trades"],
                each["withdrawals"],
                each["liquidations"],
                max(map(int, each["liquidations_by_generation"]), default=0),
                ", ".join(f"{worth:,.2f} {asset}" for asset, worth in each["bad_debts"].items()) or "0",
                each["invariants"],
                code(each["digest"]),
            ]
        )
    heads = ["part", "low", "trades", "withdrawals", "liquidations", "generations", "bad debt", "invariants", "digest"]
    return table(heads, rows, "Parts of the run", numbers=(2, 3, 4, 5, 6))


def parameters_section(view: View, result: RunResult | None) -> str:
    """Return what the run was made from: parameters with their sources, changes, the scenario's file."""
    source = None if result is None else result.source
    pieces = []
    parameters = getattr(view.story, "PARAMETERS", None)
    if parameters:
        rows = [
            [name, each.value, each.unit, each.mark, "fitted" if each.fitted else "", each.source]
            for name, each in parameters.items()
        ]
        heads = ["parameter", "default", "unit", "mark", "", "source"]
        pieces.append(table(heads, rows, "Parameters of the story, as shipped", numbers=(1,)))
    if source is None:
        return (
            "".join(pieces) + '<p class="missing">The simulation was built by hand: there is no scenario to show.</p>'
        )
    if not source.is_data:
        return "".join(pieces) + '<p class="missing">The scenario holds Python objects: it has no file to show.</p>'
    pieces.append(_changes(source))
    said = source.to_toml()
    cut = f"\n# ... cut; the whole has {len(said):,} characters" if len(said) > TOML_SHOWN else ""
    pieces.append(
        f"<details><summary>The scenario as a file ({len(said):,} characters of TOML)</summary>"
        f'<pre tabindex="0">{escape(said[:TOML_SHOWN] + cut)}</pre></details>'
    )
    return "".join(pieces)


def _changes(source: Any) -> str:
    """Return what differs from the shipped scenario of that name."""
    from engine.scenarios import generator_of, load, names

    if source.name not in names():
        return ""
    if generator_of(source.name) is not None:
        told = "It was generated; the command below says its scale, its switches, and which parameters it sets."
        return f"<p>{escape(told)}</p>"
    shipped, own = flat(load(source.name).to_data()), flat(source.to_data())
    paths = [path for path in {**shipped, **own} if shipped.get(path) != own.get(path)]
    if not paths:
        return f"<p>Every value is that of the shipped scenario <code>{escape(source.name)}</code>.</p>"
    rows = [[code(path), str(shipped.get(path, "-")), str(own.get(path, "-"))] for path in paths[:CHANGES_SHOWN]]
    more = f"<p>{len(paths) - CHANGES_SHOWN} further values differ.</p>" if len(paths) > CHANGES_SHOWN else ""
    return table(["path", "shipped", "this run"], rows, "Values that differ from the shipped scenario") + more


def reproduce(command: str, digests: Mapping[str, str], seed: int, versions: Mapping[str, Any]) -> str:
    """Return how to get the same bytes again, and what made these."""
    build = versions.get("build")
    flags = ", ".join(f"{name} {value}" for name, value in build.items()) if isinstance(build, dict) else str(build)
    return (
        fields(
            [
                ("command", code(command) if command else "the run was started from Python; there is no command"),
                ("seed", code(str(seed))),
                *((name, code(digest)) for name, digest in digests.items()),
                ("firesale", str(versions.get("firesale"))),
                ("Python", f"{versions.get('python')} on {versions.get('platform')}"),
                ("build", flags),
            ]
        )
        + "<p class=told>The same scenario, seed and version give the same digest (rule J-4).</p>"
    )
