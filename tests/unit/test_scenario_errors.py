"""Everything that is wrong with a scenario is told at once, each with file, line, column and path."""

from __future__ import annotations

import pytest
from scenariokit import SMALL, changed

from engine import InputError, ScenarioError
from engine.scenario import Scenario


def lines_of(text, tmp_path):
    """Return the lines that are said of a file, without the folder."""
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_toml(path)
    assert str(caught.value).splitlines() == caught.value.lines()
    return [line.removeprefix(f"{tmp_path}/") for line in caught.value.lines()]


def place_of(text, words, offset=0):
    """Return LINE:COL of the first place of some words."""
    at = text.index(words) + offset
    return f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}"


class TestAllAtOnce:
    def test_three_broken_fields_give_three_located_errors(self, tmp_path):
        text = changed(
            ('duration = "20s"', 'duration = "20 parsecs"'),
            ("half_spread =", "half_spred ="),
            ('market = "COIN-PERP"\nsource', 'market = "COIN-PREP"\nsource'),
        )
        said = lines_of(text, tmp_path)
        assert len(said) == 3
        assert said[0].startswith(f"mine.toml:{place_of(text, '20 parsecs', -1)} duration: expected a duration such as")
        assert said[1].startswith(
            f"mine.toml:{place_of(text, 'COIN-PREP', -1)} oracles.index.market: expected a name of markets"
        )
        assert said[1].endswith("(did you mean COIN-PERP?), was COIN-PREP")
        assert said[2].startswith(
            f"mine.toml:{place_of(text, 'half_spred')} populations.makers.half_spred: expected a known key"
        )
        assert said[2].endswith("(did you mean half_spread?), was half_spred")

    def test_a_mended_file_is_read(self, tmp_path):
        (tmp_path / "mine.toml").write_text(SMALL)
        assert Scenario.from_toml(tmp_path / "mine.toml").name == "two-markets"

    def test_a_wrong_head_hides_nothing_below_it(self, tmp_path):
        text = changed(("seed = 7", "seed = 7.5"), ('rest = "shorts"', 'rest = "short"'))
        paths = [line.split(" ")[1] for line in lines_of(text, tmp_path)]
        assert paths == ["seed:", "populations.longs.rest:"]

    def test_an_object_that_cannot_be_read_still_has_its_names_looked_at(self, tmp_path):
        text = changed(
            ('size = "20k EUR"', "size = 1.5"), ('on = ["COIN-PERP", "COIN/EUR"]', 'on = ["COIN-PERP", "X"]')
        )
        paths = [line.split(" ")[1] for line in lines_of(text, tmp_path)]
        assert paths == ["populations.makers.on[1]:", "populations.makers.size:"]


def test_a_broken_object_that_a_variant_switches_off_is_told_once(tmp_path):
    off = '[variants.off]\nset = { "populations.*.enabled" = false, "markets.COIN-PERP.enabled" = false, '
    off += '"events.*.enabled" = false, "oracles.*.enabled" = false }\n'
    text = changed(('half_spread = "uniform', 'half_spred = "uniform')) + off
    (line,) = lines_of(text, tmp_path)
    assert "populations.makers.half_spred" in line


# What is wrong, the path that is named, what is said, and the words at whose place it is said.
CASES = [
    # unknown keys and kinds
    (
        '[record]\nsamples_every = "1s"',
        '[record]\nsamples_evry = "1s"',
        "record.samples_evry",
        "did you mean samples_every",
        "samples_evry",
    ),
    ('kind = "noise"', 'kind = "noize"', "populations.noise.kind", "did you mean noise", '"noize"'),
    ('kind = "noise"\n', "", "populations.noise.kind", "was nothing", "noise]"),
    ("[record]", "[rekord]", "rekord", "did you mean record", "rekord"),
    # types and units
    ("count = 4", 'count = "4"', "populations.makers.count", "a whole number", '"4"'),
    ("count = 4", "count = true", "populations.makers.count", "a whole number", "true"),
    ("count = 4", "count = 0", "populations.makers.count", "at least 1", "0\non"),
    ('on = ["COIN-PERP", "COIN/EUR"]', 'on = "COIN-PERP"', "populations.makers.on", "a list", '"COIN-PERP"\nhalf'),
    ('"20%"', '"120%"', "venues.cex.liquidation.stage", "from 0% to 100%", '"120%"'),
    ('median = "5ms"', 'median = "5"', "populations.makers.link.jitter.median", "a time on the way", '"5"'),
    (
        '"uniform(6bps, 10bps)"',
        '"uniform(10bps, 6bps)"',
        "populations.makers.half_spread.high",
        "not below",
        '"uniform(10',
    ),
    ("decimals = 6", "decimals = 10", "assets.EUR.decimals", "at most 9", "10\nsupply"),
    ('name = "two-markets"\n', "", "name", "expected name, a text, was nothing", 'start = "2025'),
    # references
    ('venue = "cex"', 'venue = "dex"', "markets.COIN/EUR.venue", "a name of venues, one of cex", '"dex"'),
    ('settle = "EUR"', 'settle = "EUX"', "markets.COIN-PERP.settle", "did you mean EUR", '"EUX"'),
    (
        'brings = { EUR = "20M" }',
        'brings = { EUX = "20M" }',
        "populations.shorts.brings.EUX",
        "did you mean EUR",
        '"20M"',
    ),
    ('rest = "shorts"', "", "populations.longs.rest", "takes the other side", "longs]"),
    ('rest = "shorts"', 'rest = "longs"', "populations.longs.rest", "another population than itself", '"longs"'),
    ('account = "opener"', 'account = "openr"', "events.opening.account", "did you mean opener", '"openr"'),
    # rules between fields
    (
        'tick = "0.001"',
        'tick = "0.0001"',
        "markets.COIN/EUR.tick",
        "tick x lot to be whole atoms of EUR (0.000001)",
        '"0.0001"',
    ),
    ('price = "10.000"', 'price = "10.0005"', "markets.COIN/EUR.price", "a multiple of the tick 0.001", '"10.0005"'),
    ('price = "10.000"\n', "", "markets.COIN/EUR.price", "an opening price, which makers needs", '"COIN/EUR"]'),
    ('supply = "10bn"', 'supply = "10000bn"', "assets.EUR.supply", "at most", '"10000bn"'),
    ('sell = "2M EUR"', 'sell = "2M EUR"\nbuy = "1M EUR"', "events.fall", "one of sell and buy, was both", "fall]"),
    ('sell = "2M EUR"', 'sell = "2M USD"', "events.fall.sell", "one of COIN, EUR, lots", '"2M USD"'),
    ('at = "20:45:05"', 'at = "20:44"', "events.fall.at", "a clock time after the start, 20:45:00", '"20:44"'),
    (
        '"buy", "9.99", "10"]',
        '"buy", "9.9905", "10"]',
        "events.opening.rows[0].price",
        "a multiple of the tick",
        '["0ms"',
    ),
    ('"buy", "9.99", "10"]', '"bye", "9.99", "10"]', "events.opening.rows[0].side", "did you mean buy", '["0ms"'),
    ('"buy", "9.99", "10"]', '"buy", "9.99"]', "events.opening.rows[0]", "5 to 7 columns", '["0ms"'),
    ('long = "COIN-PERP"', 'long = "COIN/EUR"', "populations.longs.long", "a perp market", '"COIN/EUR"\nleverage'),
    (
        'long = "COIN-PERP"',
        'long = "COIN-PERP"\nshort = "COIN-PERP"',
        "populations.longs",
        "one of long and short",
        "longs]",
    ),
    (
        'account = "opener"\n',
        'account = "opener"\nevery = 5\n',
        "events.opening.every",
        "a duration such as",
        "5\nrows",
    ),
    # variants
    ('extends = "brave"', 'extends = "bold"', "variants.brave-and-slow.extends", "one of base, brave", '"bold"'),
    (
        '"events.fall.enabled" = false',
        '"events.fal.enabled" = false',
        'variants.calm.set."events.fal.enabled"',
        "did you mean fall",
        '"events.fal.',
    ),
    (
        '"oracles.mark.every" = "2s"',
        '"oracles.mark.every" = "2"',
        'variants.brave-and-slow.set."oracles.mark.every"',
        "a duration",
        '"2"',
    ),
    (
        'extends = "brave"',
        'extends = "brave-and-slow"',
        "variants.brave-and-slow.extends",
        "circle",
        '"brave-and-slow"',
    ),
    ("[variants.calm]", '[variants."../calm"]', "variants.../calm", "a name of letters", '"../calm"'),
]


@pytest.mark.parametrize(("old", "new", "path", "said", "at"), CASES, ids=[f"{case[2]}: {case[3]}" for case in CASES])
def test_every_kind_of_error_names_its_place(tmp_path, old, new, path, said, at):
    text = changed((old, new))
    found = [line for line in lines_of(text, tmp_path) if said in line]
    assert len(found) == 1
    place, _, rest = found[0].partition(" ")
    assert place == f"mine.toml:{place_of(text, at)}"
    assert rest.replace('"../calm"', "../calm").startswith(f"{path}: expected ")


def test_a_problem_stays_on_its_line(tmp_path):
    (line,) = lines_of(changed(('kind = "noise"', 'kind = "a\\nb\\u001b[31m"')), tmp_path)
    assert line.endswith(r"was a\nb\x1b[31m")


class TestSyntax:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a = \n", "mine.toml:1:5 TOML: expected TOML that can be read (Invalid value)"),
            ("a = 1\na = 2\n", "mine.toml:2:6 TOML: expected a name that is used once"),
            ("[a.b]\n[a.b]\n", "mine.toml:2:5 TOML: expected a name that is used once, was [a.b]"),
            ("x = 1\nb = [1,\n", "mine.toml:3:1 TOML: expected TOML that can be read"),
        ],
    )
    def test_an_error_of_syntax_has_its_place(self, tmp_path, text, said):
        (line,) = lines_of(text, tmp_path)
        assert line.startswith(said.replace("2:6", "2:6"))

    def test_a_name_that_is_used_twice_is_told(self, tmp_path):
        (line,) = lines_of(SMALL + "\n[populations.noise]\n", tmp_path)
        assert "a name that is used once, was [populations.noise]" in line

    def test_a_file_that_is_not_there_or_no_text(self, tmp_path):
        with pytest.raises(InputError, match="a file that can be read"):
            Scenario.from_toml(tmp_path / "none.toml")
        (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
        with pytest.raises(InputError, match="a file in UTF-8"):
            Scenario.from_toml(tmp_path / "bytes.toml")

    def test_a_text_has_no_file_but_places(self):
        with pytest.raises(ScenarioError, match="<text>:4:8 seed: expected"):
            Scenario.from_toml(changed(("seed = 7", 'seed = "x"')))

    def test_windows_line_ends_and_a_mark_in_front_change_no_place(self, tmp_path):
        path = tmp_path / "mine.toml"
        text = changed(("count = 4", "count = 0")).replace("\n", "\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        with pytest.raises(ScenarioError) as caught:
            Scenario.from_toml(path)
        assert f":{place_of(text, 'count = 0', 8)} " in str(caught.value)


class TestCsv:
    def test_a_row_of_a_file_is_told_with_its_line(self, tmp_path):
        text = changed(("rows = [\n", 'rows = "mine.csv"\nmarket = "COIN/EUR"\n# '))
        text = text[: text.index('    ["0ms"')] + text[text.index("]\n\n[events.fall]") + 2 :]
        (line,) = lines_of(text, tmp_path)
        assert line.endswith(
            "events.opening.rows: expected a CSV file beside the scenario or a shipped one, was mine.csv"
        )
        (tmp_path / "mine.csv").write_text("side,price,quantity\nbuy,9.99,10\nbye,9.99,1\n")
        (line,) = lines_of(text, tmp_path)
        assert "mine.csv line 3, side: one of buy, sell" in line
        assert line.endswith("was bye")
        (tmp_path / "mine.csv").write_text("side,price,quantity\nbuy,9.99,10\n")
        assert Scenario.from_toml(tmp_path / "mine.toml").folder == tmp_path


class TestSwitchedOff:
    def test_what_is_off_is_not_looked_at_and_nothing_may_need_it(self, tmp_path):
        off = changed(('kind = "account"\nbrings = { EUR = "20M" }', 'kind = "account"\nenabled = false'))
        (line,) = lines_of(off, tmp_path)
        assert (
            "populations.longs.rest: expected a name of populations that is enabled, was shorts, which is switched off"
            in line
        )
        both = off.replace('kind = "holders"', 'kind = "holders"\nenabled = false')
        assert not Scenario.from_toml(both).populations["longs"].enabled
