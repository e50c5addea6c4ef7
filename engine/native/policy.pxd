# Policy: how a venue liquidates, and who bears what is left (section X). A row a venue.
#
# Stands on: types. Data only. What each field means, rule by rule, is said in docs/rules.md; the presets stand in engine/liquidation.py.

from engine.native.types cimport *

cdef enum StageSize:
    SIZE_SHARE = 0               # a share of the position
    SIZE_TIER = 1                # down to a lower maintenance tier

cdef enum StageOrder:
    STAGE_MARKET = 0
    STAGE_BAND = 1               # limit so far from the mark
    STAGE_BANKRUPTCY = 2         # limit at the bankruptcy price
    STAGE_FILLABLE = 3           # limit between mark and bankruptcy, by health

cdef enum AdlRule:
    ADL_NONE = 0
    ADL_BINANCE = 1
    ADL_HYPERLIQUID = 2          # as its documents write it
    ADL_HYPERLIQUID_ADJUSTED = 3  # profit ratio the other way round for shorts
    ADL_BYBIT = 4
    ADL_CONTRACTS = 5            # pro rata by lots
    ADL_PNL = 6                  # pro rata by unrealised profit
    ADL_UNRANKED = 7
    ADL_PYTHON = 8
    ADL_RULES = 9

cdef enum SellOrder:
    SELL_HAIRCUT_LIQUIDITY = 0
    SELL_PRO_RATA = 1
    SELL_CUSTOM = 2

cdef struct Policy:
    int64_t stage_ppm            # SIZE_SHARE: share of the position; 0: no steps, only the landmark
    qty_t stage_lots_min
    time_ms_t interval_ms        # between steps
    atoms_t stage_atoms_min      # a step is worth at least, 0 none
    atoms_t stage_atoms_most     # and at most, 0 no bound
    atoms_t large_atoms          # positions worth no more go whole, 0: all are staged
    time_ms_t whole_ms           # how long after a partial step steps are whole, 0 never
    int64_t band_ppm             # STAGE_BAND
    int64_t spread_ppm           # STAGE_FILLABLE
    int64_t takeover_ppm         # equity below this share of the requirement is taken over, -1 never
    int64_t fee_ppm              # clearance fee (X-14)
    atoms_t fund_most            # the fund pays at most, each liquidation, 0 no bound
    atoms_t under_atoms          # a backstop worth less is relieved (X-9)
    time_ms_t rank_ms            # a ranking stands so long, 0: its millisecond
    time_ms_t unwind_ms          # a backstop trades out
    int64_t unwind_ppm
    int64_t unwind_band_ppm
    uint64_t draw_key            # of ADL_UNRANKED
    uint32_t backstop            # account, NIL the insurance fund
    uint32_t first_sold          # SELL_CUSTOM: first row of its order in `sell_order`, NIL none
    uint16_t steps_most          # then takeover, 0 never for that reason
    uint16_t tiers_down          # SIZE_TIER
    uint16_t tier_least          # positions in lower tiers are taken over at once, 0 none
    uint8_t size                 # StageSize
    uint8_t order                # StageOrder
    uint8_t is_fok
    uint8_t takes_over           # a backstop may take positions
    uint8_t adl                  # AdlRule
    uint8_t closes_at_mark       # ADL: at mark, else at the bankruptcy value
    uint8_t cancels_orders       # of those whom ADL meets
    uint8_t shares_losses
    uint8_t sells                # SellOrder
    uint8_t pad[3]

# A liquidation that is running; its unit says where (Unit.run).
cdef struct Run:
    time_ms_t whole_until_ms     # X-5: steps are whole before it
    time_ms_t whole_before_ms    # what that was before the last step, for one that does not count (V-9)
    atoms_t fund_paid            # of what the fund may pay for it
    uint32_t steps               # orders sent
    uint32_t is_begun            # the orders of the unit have been taken off
