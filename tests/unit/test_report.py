"""The report page: what it draws is what the tables hold, it opens offline, and it says what was not recorded."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from scenariokit import SMALL

from engine import InputError, Side
from engine.cli import main
from engine.lineage import LandmarkKind
from engine.part import Part, build_part
from engine.report import tables, write
from engine.report.events import forced_volume
from engine.report.page import BYTES_MAX, Page
from engine.report.series import level, line, summed, thinned
from engine.report.view import View
from engine.run import RunResult, run_scenario
from engine.scenario import Scenario
from engine.scenarios import load
from engine.scenarios.parameters import Parameter
from engine.scorecard import Statistic, points
from engine.simulation import Simulation

NO_PRICE = 2**40
INDEX, MARK = 1, 2
# Three generations of liquidations, bad debt, makers who leave and come back.
FALL = {
    "duration": "40s",
    "events.fall.sell": "800k EUR",
    "events.fall-spot.sell": "60k COIN",
    "populations.old-perp.notional": "12k",
    "populations.makers.returns": {"after": "10s"},
}
RECORDED = {
    **FALL,
    "record.samples_every": "250ms",
    "record.quotes": True,
    "record.movements": True,
    "record.waterfall": True,
    "record.accounts_every": "500ms",
}
SCORES = [
    {"name": "fall <b>", "measured": 14.5, "simulated": 13.2, "band": [9.5, 19.5], "inside": True, "fitted": False},
    {"name": "minute", "measured": 36, "simulated": 41.0, "band": [34, 38], "inside": False, "fitted": False},
    {"name": "share", "measured": 0.9, "simulated": 0.9, "band": [0.6, 1.4], "inside": True, "fitted": True},
]
COUNTERFACTUALS = [
    {"switch": "no bots", "outcome": "low", "base": 1.06, "off": 2.5, "difference": 1.44, "low": 1.0, "high": 2.0},
]


@pytest.fixture(scope="module")
def run():
    """The small scenario with all tables, run."""
    result = run_scenario(Scenario.from_toml(SMALL).but(RECORDED))
    result.scorecard, result.counterfactuals, result.command = SCORES, COUNTERFACTUALS, "firesale run x.toml --seed 7"
    assert list(result.lineage.generations()) == [1, 2, 3]
    return result


@pytest.fixture(scope="module")
def html(run, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "run.html"
    run.report(file)
    return file.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def data(html):
    return data_of(html)


def data_of(html):
    """Return what the page's script draws."""
    return json.loads(re.search(r'<script type="application/json" id="run-data">(.*?)</script>', html, re.DOTALL)[1])


def without_library(html):
    """Return the page without plotly's script."""
    whole = re.sub(r'<script id="plotly">.*?</script>', "", html, flags=re.DOTALL)
    assert len(html) - len(whole) > 1_000_000
    return whole


def words(html):
    """Return the page's text."""
    plain = re.sub(r"<(script|style)\b.*?</\1>", " ", without_library(html), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", plain)))


def series_of(data, market, chart, name):
    (found,) = [each for each in data["markets"] if each["name"] == market]
    return next(each for each in found[chart]["series"] if each["name"] == name)


def page_of(part, **options):
    return Page(part, **options).html()


class TestValues:
    """What the page draws are the tables' own counts."""

    def test_last_trades_are_the_trades(self, run, data):
        for market in run.part.simulation.markets.values():
            own = run.trades["market"] == market.number
            times, prices = run.trades["time_ms"][own], run.trades["price_ticks"][own]
            kept = thinned(times, prices, Page(run.part, run).view.columns)
            drawn = series_of(data, market.name, "prices", "last trade")
            assert drawn["t"] == times[kept].tolist()
            assert drawn["v"] == prices[kept].tolist()
            assert (min(drawn["v"]), max(drawn["v"]), drawn["rows"]) == (prices.min(), prices.max(), len(prices))
            assert Decimal(drawn["scale"][0]) / drawn["scale"][1] == market.price.step

    @pytest.mark.parametrize(("name", "kind"), [("index", INDEX), ("mark", MARK)])
    def test_published_prices_are_those_of_the_table(self, run, data, name, kind):
        perp, prices = run.part.simulation.markets["COIN-PERP"], run.prices
        own = (prices["market"] == perp.number) & (prices["kind"] == kind)
        drawn = series_of(data, perp.name, "prices", name)
        assert (drawn["t"], drawn["v"]) == (prices["time_ms"][own].tolist(), prices["price_ticks"][own].tolist())

    def test_p1_mids_are_those_of_the_quotes_with_gaps_where_a_side_was_empty(self, run, data):
        perp, quotes = run.part.simulation.markets["COIN-PERP"], run.quotes
        own = quotes["market"] == perp.number
        bids, asks = quotes["bid_ticks"][own], quotes["ask_ticks"][own]
        drawn = series_of(data, perp.name, "prices", "book mid")
        expected, was_gap = [], False
        for time_ms, bid, ask in zip(quotes["time_ms"][own].tolist(), bids.tolist(), asks.tolist(), strict=True):
            mid = None if NO_PRICE in (bid, ask) else (bid + ask) // 2
            if mid is not None or not was_gap:
                expected.append((time_ms, mid))
            was_gap = mid is None
        # A part that is thinned keeps a subset; a short one keeps all.
        assert set(zip(drawn["t"], drawn["v"], strict=True)) <= set(expected)
        assert drawn["rows"] == len(expected)

    def test_depth_is_that_of_the_samples_asks_downwards(self, run, data):
        perp, samples = run.part.simulation.markets["COIN-PERP"], run.samples
        own = samples["market"] == perp.number
        bids, asks = (series_of(data, perp.name, "depth", name) for name in ("bids", "asks"))
        assert bids["t"] == asks["t"] == samples["time_ms"][own].tolist()
        assert bids["v"] == samples["bid_lots_1pct"][own].tolist()
        assert asks["v"] == (-samples["ask_lots_1pct"][own]).tolist()

    def test_liquidations_sum_to_those_of_the_lineage_by_generation(self, run, data):
        drawn = {each["name"]: sum(each["v"]) for each in data["charts"]["liquidations"]["series"]}
        assert drawn == {f"generation {number}": count for number, count in run.lineage.generations().items()}
        (generations,) = data["charts"]["generations"]["series"]
        assert dict(zip(generations["t"], generations["v"], strict=True)) == run.lineage.generations()

    def test_windows_hold_what_began_in_them(self, run, data):
        width = data["charts"]["liquidations"]["width_ms"]
        times = [row.time_ms // width * width for row in run.lineage.of_kind(LandmarkKind.LIQUIDATION)]
        drawn = {}
        for each in data["charts"]["liquidations"]["series"]:
            for time_ms, count in zip(each["t"], each["v"], strict=True):
                drawn[time_ms] = drawn.get(time_ms, 0) + count
        assert drawn == {time_ms: times.count(time_ms) for time_ms in sorted(set(times))}

    def test_g11_forced_volume_in_the_book_is_the_amplifications(self, run, data):
        asset = run.part.simulation.assets["EUR"]
        (chart,) = [each for key, each in data["charts"].items() if key.startswith("forced")]
        in_book = sum(sum(each["v"]) for each in chart["series"] if each["name"].endswith("in the book"))
        assert in_book == run.lineage.amplification().atoms[asset.number].forced > 0

    def test_withdrawals_and_returns_are_counted(self, run, data):
        gone, *back, away = data["charts"]["withdrawals"]["series"]
        assert sum(gone["v"]) == run.figures["withdrawals"] > 0
        assert -sum(sum(each["v"]) for each in back) == run.figures["returns"]
        assert away["v"][-1] == run.figures["withdrawals"] - run.figures["returns"]
        assert away["t"][-1] == data["end_ms"] == run.figures["now_ms"]

    def test_bad_debt_ends_at_the_figure(self, run, data):
        owed = run.figures["bad_debt"]
        assert owed > 0
        asset = run.part.simulation.assets["EUR"]
        (series,) = data["charts"][f"bad-debt-{asset.number}"]["series"]
        assert Decimal(series["v"][-1]) * series["scale"][0] / series["scale"][1] == Decimal(str(owed))

    def test_v8_bad_debt_of_every_venue_counts(self, run):
        first = SMALL.replace("[venues.cex]", "[venues.first]\n\n[venues.cex]")
        first = first.replace('kind = "account"', 'kind = "account"\nvenue = "cex"')
        part = run_scenario(Scenario.from_toml(first).but(RECORDED)).part
        assert [market.venue for market in part.simulation.markets.values()] == [1, 1]
        assert part.figures["bad_debt"] == run.figures["bad_debt"] > 0

    def test_g10_reproduction_is_the_lineages(self, run, data):
        (series,) = data["charts"]["reproduction"]["series"]
        width = next(width for width in (100, 500, 1_000) if run.figures["now_ms"] <= width * 400)
        found = run.lineage.reproduction(width)
        assert series["t"] == found.start_ms.tolist()
        assert series["v"] == pytest.approx(found.ratio.tolist(), abs=1e-6)

    def test_leverage_is_notional_over_equity(self, run, data):
        accounts, names = run.accounts, run.part.simulation.accounts
        series = {each["name"]: each for each in data["charts"]["leverage"]["series"]}["longs"]
        at_ms, drawn = series["t"][-1], series["v"][-1]
        rows = (accounts["time_ms"] == at_ms) & (accounts["notional_atoms"] > 0) & (accounts["equity_atoms"] > 0)
        rows &= np.array([names[number].startswith("longs") for number in accounts["account"].tolist()])
        held, owned = (int(accounts[name][rows].sum()) for name in ("notional_atoms", "equity_atoms"))
        assert drawn == pytest.approx(held / owned, abs=1e-4)

    def test_the_start_is_the_scenarios_in_utc(self, run, data):
        assert data["start_ms"] == 1_760_129_100_000  # 2025-10-10T20:45Z
        assert Page(run.part, run).view.clock(61_250) == "20:46:01.250"

    def test_falls_are_those_of_the_trades(self, run, html):
        for fall in Page(run.part, run).view.falls:
            own = run.trades["market"] == fall.market.number
            prices, times = run.trades["price_ticks"][own], run.trades["time_ms"][own]
            assert (fall.first, fall.low, fall.last) == (prices[0], prices.min(), prices[-1])
            assert fall.low_ms == times[prices.argmin()]
            assert tables.percent(1 - fall.low / fall.first) in html


class TestChain:
    def test_the_links_are_those_of_the_lineage(self, run, data):
        last = data["chain"][-1]["id"]
        rows = run.lineage.chain(last)[::-1]
        told = [(link["id"], link["time_ms"], link["kind"]) for link in data["chain"]]
        assert told == [(row.id, row.time_ms, row.kind.name) for row in rows]
        assert rows[-1].kind == LandmarkKind.LIQUIDATION
        assert rows[-1].generation == max(run.lineage.generations())

    def test_each_link_names_account_market_price_and_quantity(self, run, data):
        simulation = run.part.simulation
        by_number = {market.number: market for market in simulation.markets.values()}
        for link, row in zip(data["chain"], run.lineage.chain(data["chain"][-1]["id"])[::-1], strict=True):
            market = by_number[row.market]
            assert market.name in link["text"]
            if row.account >= 0:
                assert simulation.accounts[row.account] in link["text"]
            if row.kind == LandmarkKind.PUBLICATION:
                assert f"{market.price.value(row.value):,}" in link["text"]
            elif row.kind in (LandmarkKind.STEP, LandmarkKind.SHOCK):
                assert f"{market.quantity.value(row.value):,}" in link["text"]
            elif row.kind == LandmarkKind.LIQUIDATION:
                assert f"{market.quote.grid.value(row.value):,} {market.quote.name}" in link["text"]

    def test_what_a_step_traded_is_told(self, run):
        steps = [row for row in run.lineage.of_kind(LandmarkKind.STEP) if row.id in set(run.trades["cause"].tolist())]
        step, market = steps[-1], run.part.simulation.markets["COIN-PERP"]
        own = (run.trades["cause"] == step.id) & (run.trades["taker_account"] == step.account)
        link = Page(run.part, run, landmark=step.id).chain.links[-1]
        first = market.price.value(int(run.trades["price_ticks"][own][0]))
        assert (
            f"{market.quantity.value(int(run.trades['qty_lots'][own].sum())):,} contracts trade at {first}" in link.text
        )

    def test_every_landmark_of_the_run_can_be_told(self, run):
        for row in (run.lineage.of_kind(kind)[:1] for kind in LandmarkKind if kind):
            for landmark in row:
                links = Page(run.part, run, landmark=landmark.id).chain.links
                assert links[-1].kind == landmark.kind.name
                assert len(links[-1].text) > 20

    def test_every_kind_has_words(self):
        from engine.report.chain import Chain

        for kind in LandmarkKind:
            assert kind == 0 or callable(getattr(Chain, f"_say_{kind.name.lower()}"))

    def test_lines_of_why_stand_on_the_page(self, run, html, data):
        for text in run.lineage.why(data["chain"][-1]["id"]):
            assert text in unescape(html)

    def test_no_such_landmark_is_refused(self, run, tmp_path):
        with pytest.raises(InputError, match="landmark_id"):
            run.report(tmp_path / "x.html", landmark=10**9)
        assert list(tmp_path.iterdir()) == []


class _References(HTMLParser):
    """Collects every attribute that could load something."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [
            (tag, name, value) for name, value in attrs if name in ("src", "href", "srcset", "data", "action")
        ]


class TestFile:
    def test_nothing_is_loaded_from_anywhere(self, html):
        parser = _References()
        parser.feed(without_library(html))
        assert parser.found
        assert all(name == "href" and value.startswith("#") for _, name, value in parser.found)
        assert not re.search(r"url\(|@import|https?://", without_library(html))
        assert "default-src 'none'" in html

    def test_it_is_below_8_mb(self, html):
        assert len(html.encode()) < BYTES_MAX == 8_000_000

    def test_the_same_run_gives_the_same_page(self, run, html, tmp_path):
        run.report(tmp_path / "again.html")
        assert (tmp_path / "again.html").read_text(encoding="utf-8") == html

    def test_scripts_end_where_they_should(self, html):
        assert html.count("<script") == html.count("</script>") == 3
        assert html.rstrip().endswith("</html>")

    def test_tables_and_charts_are_reachable_and_named(self, html):
        page = without_library(html)
        assert page.count("<table>") == page.count('tabindex="0" role="region"') > 4
        assert page.count('class="chart"') == page.count('role="img" aria-label=')

    def test_every_anchor_is_there(self, html):
        page = without_library(html)
        for anchor in re.findall(r'href="#([a-z]+)"', page):
            assert f'id="{anchor}"' in page

    def test_every_chart_has_its_data(self, html, data):
        keys = set(re.findall(r'<div class="chart" data-chart="([^"]+)"', html))
        assert keys == {*data["charts"], "prices", "depth"}


class TestWords:
    def test_seed_digests_versions_and_command(self, run, html):
        text = words(html)
        for part in (run.digest, run.part.digest, "firesale run x.toml --seed 7", "0.1.0", "Seed 7"):
            assert part in text

    def test_the_scenario_stands_on_it(self, run, html):
        assert 'name = "two-markets"' in unescape(html)

    def test_scores_and_counterfactuals_are_tables(self, html):
        text = words(html)
        assert "1 of 2 free statistics lie inside their bands; 1 were fitted" in text
        assert "fall <b> 14.5 13.2 9.5 to 19.5 ✓ inside no" in text
        assert "minute 36 41 34 to 38 ✗ outside no" in text
        assert "no bots low 1.06 2.5 1.44 1 2" in text

    def test_what_links_carry_and_the_verdict_are_told(self, run):
        told = RunResult(run.scenario, run.seed, run.source, parts=run.parts, timeline_part="base")
        told.counterfactuals = COUNTERFACTUALS
        told.attribution = [{"outcome": "low", "link": "loops", "share": 0.25, "error": 0.0125, "alone": 0.5}]
        told.verdict = ["The measured order <fits>."]
        text = words(page_of(told.part, result=told))
        assert "outcome link Shapley share standard error alone, taken away last low loops 0.25 0.0125 0.5" in text
        assert "The measured order <fits>." in text
        assert "Scorecard" not in text

    def test_a_story_with_statistics_is_scored_by_its_run(self, run):
        fall = Statistic("fall", "fall of COIN", "%", 16.8, points(5), "made up", "V")
        told = RunResult(run.scenario, run.seed, run.source, parts=run.parts, timeline_part="base")
        told.story_figures = {"statistics": {"fall": 14.0}}
        page = Page(told.part, told)
        share = Parameter("depth", 0.25, "", "chosen", "made up")
        page.view.story = SimpleNamespace(STATISTICS=(fall,), PARAMETERS={"depth": share})
        text = words(page.html())
        assert "1 of 1 free statistics lie inside their bands." in text
        assert "fall of COIN % 16.8 14 +-5 points ✓ inside" in text
        assert "firesale score two-markets scores over seeds" in text
        assert "depth 0.25 chosen made up" in text

    def test_a_changed_value_is_named(self):
        part = build_part(load("two-venues"), "base")
        from engine.report.sections import _changes

        assert "Every value is that of the shipped scenario" in _changes(load("two-venues"))
        changed = _changes(load("two-venues").but({"seed": 3}))
        assert "seed" in changed
        assert "20251010" in changed
        assert part.name == "base"

    def test_charts_are_explained_by_rules(self, html):
        rules = [set(re.findall(r"\b[A-Z]-\d+\b", each)) for each in re.findall(r"<figcaption.*?</figcaption>", html)]
        assert len(rules) >= 10
        assert set.union(*rules) >= {"P-1", "A-2", "X-4", "G-7", "X-11", "G-11", "L-10", "G-9", "G-10"}


def bare():
    """A simulation of two trades that records nothing beside."""
    sim = Simulation(seed=1)
    usdt = sim.asset("USDT", decimals=6, supply="1000000000")
    coin = sim.asset("<b>COIN", decimals=3, supply="1000000000")
    spot = sim.spot("<script>alert(1)</script>", coin, usdt, tick="0.001", lot="0.001")
    maker, taker = sim.account("maker & co", USDT="100"), sim.account("</script><b>", **{"<b>COIN": "5"})
    sim.place(maker, spot, Side.BUY, "4.001", "5", at_ms=0)
    sim.place(taker, spot, Side.SELL, None, "2", at_ms=1_500)
    sim.place(taker, spot, Side.SELL, None, "1", at_ms=2_000)
    return sim, spot


class TestMissing:
    def test_what_was_not_recorded_is_said_and_nothing_empty_is_drawn(self):
        sim, _ = bare()
        sim.run(until_ms=3_000)
        html = page_of(Part("bare", sim, 3_000))
        text, data = words(html), data_of(html)
        assert "No depth: record.samples_every is 0." in text
        assert "No leverage: record.accounts_every is 0." in text
        assert "No path: record.movements is off" in text
        assert "book mid (no samples or quotes: record.samples_every is 0)" in text
        assert "Nobody was liquidated in this run" in text
        assert "No maker left its quotes in this run." in text
        assert data["charts"] == {}
        assert data["start_ms"] is None
        (market,) = data["markets"]
        assert market["depth"]["series"] == []
        assert market["depth"]["missing"] == "No depth: record.samples_every is 0."
        assert [each["v"] for each in market["prices"]["series"]] == [[4001, 4001]]

    def test_without_trades_prices_come_from_the_samples(self):
        sim, _ = bare()
        sim.record(trades=False, samples_every_ms=500)
        sim.run(until_ms=3_000)
        view = View(Part("bare", sim, 3_000))
        assert [(fall.first, fall.low) for fall in view.falls] == [(4001, 4001)]
        assert view.falls_by == "the last price at each sample"
        text = words(page_of(view.part))
        assert "last trade from samples" in text
        assert "record.trades is off" in text

    def test_a_world_in_which_nothing_happened_has_a_page(self):
        sim, _ = bare()
        text = words(page_of(Part("still", sim, 1)))
        assert "no market has a price on record" in text
        assert "No price was recorded" in text

    def test_names_are_escaped(self):
        sim, spot = bare()
        sim.run(until_ms=3_000)
        html = page_of(Part("<i>bare</i>", sim, 3_000))
        page = without_library(html)
        assert "<script>alert" not in page
        assert "<i>" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert data_of(html)["markets"][0]["name"] == spot.name
        assert html.count("<script") == html.count("</script>") == 3


class TestMarkets:
    def test_asked_ones_are_shown_in_order(self, run):
        names = ["COIN/EUR", "COIN-PERP"]
        shown = Page(run.part, run, markets=names).data["markets"]
        assert [each["name"] for each in shown] == names

    @pytest.mark.parametrize("names", [["COIN-PERP", "NONE"], []])
    def test_unknown_or_none_are_refused(self, run, names):
        with pytest.raises(InputError, match="markets"):
            Page(run.part, run, markets=names)

    def test_by_default_the_storys_comes_first_and_then_what_fell_furthest(self):
        sim = Simulation(seed=1)
        usdt = sim.asset("USDT", decimals=6, supply="1000000000")
        coin = sim.asset("COIN", decimals=3, supply="1000000000")
        maker, taker = sim.account("maker", USDT="100000"), sim.account("taker", COIN="500")
        markets = [sim.spot(f"M{n}", coin, usdt, tick="0.001", lot="0.001") for n in range(12)]
        for n, market in enumerate(markets):
            sim.place(maker, market, Side.BUY, "10", "1", at_ms=0)
            sim.place(maker, market, Side.BUY, f"{9 - n % 7}", "1", at_ms=0)
            sim.place(taker, market, Side.SELL, None, "2", at_ms=5)
        sim.run(until_ms=10)
        view = View(Part("many", sim, 10))
        assert [market.name for market in view.markets] == ["M0", "M6", "M5", "M4", "M11", "M3", "M10", "M2"]
        html = page_of(view.part)
        assert "8 of 12 markets" in html
        assert "M9" in html  # in the table of falls

    def test_the_calm_twin_is_drawn_behind(self):
        result = run_scenario("atom-flash-crash", parts=["endogenous", "makers-stayed"])
        page = Page(result["endogenous"], result)
        names = [each["name"] for each in page.data["markets"][0]["prices"]["series"]]
        assert names[0] == "last trade, makers-stayed"
        assert page.data["markets"][0]["name"] == "ATOM-PERP"
        assert "makers-stayed" not in json.dumps(Page(result["makers-stayed"], result).data["markets"])


class TestThinning:
    """Long series keep their first, lowest, highest and last row in each column of pixels."""

    @pytest.mark.parametrize("rows", [1, 3, 400, 5_000, 100_003])
    def test_extremes_of_every_column_are_kept(self, rows):
        rng = np.random.default_rng(rows)
        times, values = np.sort(rng.integers(0, 10**6, rows)), rng.integers(-(10**9), 10**9, rows)
        columns = 100
        kept = thinned(times, values, columns)
        assert (np.diff(kept) > 0).all()
        assert len(kept) <= max(rows if rows <= 4 * columns else 0, 4 * columns)
        place = (times - times[0]) * columns // (times[-1] - times[0] + 1)
        for column in np.unique(place):
            own, shown = np.flatnonzero(place == column), kept[place[kept] == column]
            assert {own[0], own[-1]} <= set(shown)
            assert values[shown].min() == values[own].min()
            assert values[shown].max() == values[own].max()

    def test_the_low_of_a_long_run_is_on_its_page(self):
        times, values = np.arange(200_000), np.full(200_000, 500)
        values[123_456] = 1
        drawn = line("last", times, values, columns=50)
        assert drawn.is_thinned
        assert (123_456, 1) in zip(drawn.time_ms, drawn.counts, strict=True)
        assert drawn.rows == 200_000

    def test_gaps_of_more_than_a_pixel_stay(self):
        times, values = np.arange(10_000), np.full(10_000, 7)
        values[::2] = NO_PRICE  # many gaps of a ms
        values[4_000:6_000] = NO_PRICE
        drawn = line("mid", times, values, columns=10)
        gaps = [time_ms for time_ms, value in zip(drawn.time_ms, drawn.counts, strict=True) if value is None]
        assert gaps == [4_000]

    def test_a_series_without_a_price_is_none(self):
        assert not line("mid", np.arange(3), np.full(3, NO_PRICE), columns=9)
        assert not level("fund", np.arange(0), np.arange(0), until_ms=5, columns=9)

    def test_said_on_the_page(self):
        text = words(page_of(run_scenario("atom-flash-crash", parts=["endogenous"]).part))
        assert "Long series are thinned: of each column of pixels" in text

    def test_sums_pass_int64(self):
        assert summed(np.zeros(4, np.int64), np.full(4, 2**62), 1) == [2**64]


@pytest.fixture(scope="module")
def part():
    """The small scenario at a venue that takes over, with a fund too small for it."""
    changes = {**RECORDED, "venues.cex.liquidation": "hyperliquid", "venues.cex.insurance_fund": "20k EUR"}
    part = run_scenario(Scenario.from_toml(SMALL).but(changes)).part
    assert len(part.lineage.of_kind(LandmarkKind.TAKEOVER)) > 0
    return part


class TestWaterfall:
    def test_x15_forced_volume_has_its_ways_and_venues(self, part):
        from engine.bearing import forced_volume as by_windows

        view = View(part)
        (chart,) = forced_volume(view)
        found = by_windows(part.tables["waterfall"], window=view.width_ms)
        drawn = {each.name: dict(zip(each.time_ms, each.counts, strict=True)) for each in chart.series}
        for name, sums in (("to the backstop", found.takeover_atoms), ("by ADL", found.adl_atoms)):
            told = {start: atoms for start, atoms in zip(found.start_ms.tolist(), sums, strict=True) if atoms}
            assert drawn.get(name, {}) == told
        assert drawn["to the backstop"]

    def test_funds_end_at_their_balances(self, part):
        sim, charts = part.simulation, Page(part).charts
        numbers = {name: number for number, name in sim.accounts.items()}
        found = [
            (chart.unit, each) for key, chart in charts.items() if key.startswith("funds") for each in chart.series
        ]
        assert ("EUR", "insurance fund") in [(unit, each.name) for unit, each in found]
        for unit, series in found:
            assert series.counts[-1] == sim.world.balance(numbers[series.name], sim.assets[unit].number)[0]

    def test_x10_without_movements_what_funds_took_and_paid_is_drawn(self):
        changes = {**FALL, "venues.cex.liquidation": "hyperliquid", "venues.cex.insurance_fund": "20k EUR"}
        part = run_scenario(Scenario.from_toml(SMALL).but({**changes, "record.waterfall": True})).part
        rows, page = part.tables["waterfall"], Page(part)
        signs = {6: 1, 7: -1, 8: 1}  # balance, the fund pays, clearance
        own = np.isin(rows["kind"], list(signs)) & (rows["counterparty"] == 1)
        assert own.any()
        kinds, atoms = rows["kind"][own].tolist(), rows["atoms"][own].tolist()
        (chart,) = [each for key, each in page.charts.items() if key.startswith("funds-")]
        (series,) = chart.series
        assert series.counts[-1] == sum(signs[kind] * each for kind, each in zip(kinds, atoms, strict=True))
        assert "balances over time need record.movements" in chart.told

    def test_takeovers_and_adl_are_counted(self, part):
        kinds = {
            "takeovers": LandmarkKind.TAKEOVER,
            "ADL": LandmarkKind.ADL,
            "ended under water": LandmarkKind.BAD_DEBT,
        }
        drawn = {each.name: sum(each.counts) for each in Page(part).charts["adl"].series}
        for name, kind in kinds.items():
            assert drawn[name] == len(part.lineage.of_kind(kind))


class TestSpilled:
    def test_a_page_of_spilled_tables_is_the_same(self, tmp_path):
        pages = []
        for folder in (None, tmp_path):
            part = build_part(load("atom-flash-crash"), "endogenous")
            if folder is None:
                part.simulation.run(until_ms=part.until_ms)
            else:
                with part.simulation.spill(folder, rows_resident=8_192) as spill:
                    part.simulation.run(until_ms=part.until_ms)
                assert spill.rows["trades"] > 0
            pages.append(Page(part).data)
        assert pages[0] == pages[1]


class TestCommand:
    def test_a_scenario_gets_its_page(self, tmp_path):
        (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
        out = tmp_path / "page.html"
        args = ["report", tmp_path / "small.toml", "--out", out, "--set", "duration=5s", "--market", "COIN-PERP"]
        done = CliRunner().invoke(main, [str(arg) for arg in args])
        assert done.exit_code == 0, done.output
        told = data_of(out.read_text(encoding="utf-8"))
        assert told["end_ms"] == 5_000
        assert [each["name"] for each in told["markets"]] == ["COIN-PERP"]
        assert f"digest {told['digest']}" in done.output

    def test_a_run_folder_is_run_again_and_must_agree(self, tmp_path):
        (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
        folder, runner = tmp_path / "run", CliRunner()
        done = runner.invoke(main, ["run", str(tmp_path / "small.toml"), "--set", "seed=9", "--out", str(folder)])
        assert done.exit_code == 0, done.output
        before = data_of((folder / "report.html").read_text(encoding="utf-8"))
        (folder / "report.html").unlink()
        assert runner.invoke(main, ["report", str(folder)]).exit_code == 0
        assert data_of((folder / "report.html").read_text(encoding="utf-8")) == before
        told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        (folder / "run.json").write_text(json.dumps({**told, "digest": "0" * 16}), encoding="utf-8")
        assert runner.invoke(main, ["report", str(folder), "--out", str(tmp_path / "no.html")]).exit_code == 1
        assert not (tmp_path / "no.html").exists()
        assert runner.invoke(main, ["report", str(folder), "--seed", "1"]).exit_code == 2

    def test_wrong_names_exit_2_and_write_nothing(self, tmp_path):
        (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
        for more in (["--market", "NONE"], ["--landmark", "999999999"], ["--part", "none"]):
            done = CliRunner().invoke(
                main, ["report", str(tmp_path / "small.toml"), "--out", str(tmp_path / "x.html"), *more]
            )
            assert done.exit_code == 2, done.output
            assert not (tmp_path / "x.html").exists()

    def test_a_missing_extra_is_named(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr("engine.report.is_installed", lambda: False)
        done = CliRunner().invoke(main, ["report", "atom-flash-crash", "--out", str(tmp_path / "x.html")])
        assert done.exit_code == 4
        assert "firesale[report]" in done.output
        with pytest.raises(ImportError, match="report"):
            write(tmp_path / "x.html", run.part)
        assert list(tmp_path.iterdir()) == []
