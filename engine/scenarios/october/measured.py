"""What was measured on 10 October 2025: the statistics of the scorecard, their bands and sources.

Bands are fixed by kind: prices and falls 5 percentage points, times 2 minutes, volumes and counts a factor 1.5, depth a
factor 3, orderings exact. `fitted` ones are what the calibration sees; they are no hits.
"""

from __future__ import annotations

from engine.scorecard import Statistic, exact, factor, minutes, points

__all__ = ["STATISTICS"]

START = "20:45"


def _fall(name: str, text: str, measured: float, source: str, *, mark: str = "V", fitted: bool = False) -> Statistic:
    return Statistic(name, text, "%", measured, points(5), source, mark, fitted)


def _time(name: str, text: str, measured: float, source: str, *, mark: str = "V", fitted: bool = False) -> Statistic:
    return Statistic(name, text, "min", measured, minutes(2), source, mark, fitted)


def _amount(name: str, text: str, measured: float, source: str, *, mark: str = "V", fitted: bool = False) -> Statistic:
    return Statistic(name, text, "M USD", measured, factor(1.5), source, mark, fitted)


def _order(name: str, text: str, source: str) -> Statistic:
    return Statistic(name, text, "", True, exact, source, "V", False)


STATISTICS: tuple[Statistic, ...] = (
    # ---- prices ------------------------------------------------------------------------------------------------------
    _fall("fall_btc", "BTC, day's high to low, first venue's spot", 16.8, "RULEBOOK 9 row 4", fitted=True),
    _fall("fall_eth", "ETH, day's high to low", 21.8, "RULEBOOK 9 row 5"),
    _fall("fall_sol", "SOL, day's high to low", 24.8, "RULEBOOK 9 row 6"),
    _fall("alts_median", "median of altcoins' falls, day's high to low", 70.0, "RULEBOOK 9 row 9", fitted=True),
    _fall("alts_beyond_50", "altcoins that fell by more than 50 %", 80.4, "RULEBOOK 9 row 9: 1,271 of 1,581", mark="I"),
    _fall("alts_beyond_80", "altcoins that fell by more than 80 %", 24.8, "RULEBOOK 9 row 9: 392 of 1,581", mark="I"),
    _fall("alts_beyond_90", "altcoins that fell by more than 90 %", 5.7, "RULEBOOK 9 row 9: 90 of 1,581", mark="I"),
    _fall("btc_ten_minutes", "BTC's fall in the ten minutes before its low, index", 8.25, "RULEBOOK 9 row 11"),
    _fall("btc_after_hour", "BTC below 20:45, an hour after its low", 2.9, "RULEBOOK 9 row 11: 113,700", mark="I"),
    # ---- times, minutes after 20:45 ----------------------------------------------------------------------------------
    _time("low_btc", "minute of BTC's low", 35.0, "RULEBOOK 9 row 10: 21:20"),
    _time("low_alts", "median minute of the altcoins' lows", 35.5, "RULEBOOK 9 row 10: 21:19 to 21:21", fitted=True),
    _order("alts_before_pegged", "altcoins' lows before the lows of USDe, WBETH, BNSOL", "RULEBOOK 12.1"),
    # ---- depth within 1 % at the first venue's perpetuals, usual by least --------------------------------------------
    Statistic("depth_eth", "ETH: usual depth by the least", "", 206.0, factor(3), "RULEBOOK 8", "V", True),
    Statistic("depth_sol", "SOL: usual depth by the least", "", 561.0, factor(3), "RULEBOOK 8", "V", False),
    Statistic("depth_xrp", "XRP: usual depth by the least", "", 199.0, factor(3), "RULEBOOK 8", "V", False),
    Statistic("depth_doge", "DOGE: usual depth by the least", "", 20.0, factor(3), "RULEBOOK 8", "V", False),
    _time("depth_back", "minute from which depth of altcoins is a tenth again", 50.0, "RULEBOOK 8: 21:35", mark="U"),
    # ---- forced volume -----------------------------------------------------------------------------------------------
    _amount(
        "forced",
        "liquidations, first venue, dex, bybit together",
        17_200.0,
        "RULEBOOK 9 rows 18, 20",
        mark="I",
        fitted=True,
    ),
    _fall("forced_long", "share of longs in it, 20:50 to 21:30", 83.9, "RULEBOOK 9 row 19"),
    _fall("dex_share", "share of the dex in it", 55.4, "RULEBOOK 9 row 20", fitted=True),
    _fall("dex_long", "share of longs at the dex", 91.1, "RULEBOOK 9 row 20"),
    _time("peak_minute", "minute of most liquidations", 30.0, "RULEBOOK 9 row 19: 21:15"),
    _fall("peak_share", "that minute's share of 20:50 to 21:30", 46.3, "RULEBOOK 9 row 19: 3.21 of 6.93 bn", mark="I"),
    _fall("forced_before", "share of liquidations before 21:36, first venue", 75.0, "RULEBOOK 9 row 30"),
    # ---- open interest, fund, auto-deleveraging ----------------------------------------------------------------------
    Statistic(
        "interest_btc",
        "fall of BTC's open interest, first venue",
        "%",
        25.0,
        factor(1.5),
        "RULEBOOK 9 row 29",
        "V",
        False,
    ),
    Statistic(
        "interest_all",
        "fall of all open interest",
        "%",
        22.6,
        factor(1.5),
        "RULEBOOK 9 row 29: 38 to 65 of 220 bn",
        "I",
        False,
    ),
    _amount("fund_used", "first venue's insurance fund", 188.0, "RULEBOOK 9 row 28"),
    _amount("dex_takeovers", "dex: positions taken over", 1_700.0, "RULEBOOK 9.2 (1), deduplicated", mark="I"),
    _amount("dex_adl", "dex: auto-deleveraged", 2_100.0, "RULEBOOK 9.2 (1), deduplicated", mark="I"),
    _order("adl_after", "dex: auto-deleveraging after the first takeover", "RULEBOOK 12.3"),
    _amount("dex_largest", "dex: largest liquidation", 203.0, "RULEBOOK 9 row 18"),
    _fall("mark_gap_sol", "dex: SOL's mark above the minute's mean trade, most", 9.51, "RULEBOOK 1.4"),
    _order("mark_above", "dex: marks above trades while prices fall (21:13 to 21:21)", "RULEBOOK 1.4"),
    # ---- the second phase --------------------------------------------------------------------------------------------
    _fall("usde_low", "USDe's low at the first venue", 65.0, "RULEBOOK 9 row 13", fitted=True),
    _fall("usde_bybit", "USDe's low at bybit", 92.0, "RULEBOOK 9 row 13"),
    _fall("usde_chain", "USDe's low on the chain", 99.6, "RULEBOOK 9 row 13"),
    _fall("wbeth_fall", "WBETH, day's high to low", 90.9, "RULEBOOK 9 row 14", fitted=True),
    _fall("bnsol_fall", "BNSOL, day's high to low", 85.5, "RULEBOOK 9 row 14"),
    _time("wbeth_low", "minute of WBETH's low", 55.0, "RULEBOOK 9 row 14: 21:40", fitted=True),
    _time("deviation_begins", "minute from which a token's index is 5 % too low", 51.0, "RULEBOOK 9 row 15: 21:36"),
    _time("deviation_ends", "minute until which it is", 91.0, "RULEBOOK 9 row 15: 22:16"),
    # ---- lending -----------------------------------------------------------------------------------------------------
    _amount("aave", "liquidated at the protocol", 180.0, "RULEBOOK 9 row 33", fitted=True),
    _order(
        "aave_usde", "of it under 1 % against USDe, with its hard-linked oracle", "RULEBOOK 9 row 33: 50 k of 180 M"
    ),
)
