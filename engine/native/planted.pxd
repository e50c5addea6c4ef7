# Planted faults: slips that a checked build (FIRESALE_FAULTS=1) makes on request, so that the suite can be asked whether it would
# notice. `planted(SLIP_X)` stands where the slip would be made; at most one fault is planted at a time.
#
# Stands on: nothing. Promises: in every other build `planted` is the constant 0, so neither a hook nor a name of this file is
# left in the core (tests/unit/test_planted_faults.py). The table of what kills each fault: docs/planted-faults.md.

cdef extern from *:
    """
    #ifndef ENGINE_FAULTS
    #define ENGINE_FAULTS 0
    #endif
    #if ENGINE_FAULTS
    /* X(name, rule, the slip) */
    #define ENGINE_SLIP_LIST(X)                                                                                       \
        X(PRICE_BOUND_REFUSED, "U-2", "the highest price of the market is refused")                                    \
        X(NOTIONAL_WRAPS, "U-2", "price x lots is taken in 64 bits")                                                   \
        X(NOTIONAL_SIGNED, "U-2", "the notional of a negative price is not bounded")                                   \
        X(SIDE_LOTS_KEPT, "U-3", "a cancel leaves its lots in the sum of the side")                                    \
        X(STOP_LOTS_KEPT, "U-3", "a stop that leaves keeps its room among the stops")                                  \
        X(REJECT_TAKES_SLOT, "U-7", "an order that is refused last keeps the slot it would have had")                  \
        X(DIGEST_SKIPS_HIDDEN, "D-2", "the digest leaves hidden lots out")                                             \
        X(DIGEST_SKIPS_FIRED, "D-2", "the digest leaves out stops that fired and have not run")                        \
        X(YOUNGEST_FIRST, "M-1", "an order comes to rest at the front of its level")                                   \
        X(PLACE_LOST_BY_FILL, "M-1", "a partly filled order goes to the back of its level")                            \
        X(PAGE_SKIPPED, "M-1", "the search for the next level skips a page")                                           \
        X(TAKERS_PRICE, "M-2", "a trade is at the taker's price")                                                      \
        X(IOC_RESTS, "M-4", "what is left of an IOC order rests")                                                      \
        X(LEVEL_BIT_KEPT, "M-8", "a level that was emptied stays marked as one that holds orders")                     \
        X(BEST_KEPT, "M-8", "the best price stays where its last order was cancelled")                                 \
        X(DUPLICATE_ID, "M-6", "an order id that is open is taken again")                                              \
        X(ID_REACH_SHORT, "M-6", "the entry that stands furthest from its home is not found")                          \
        X(ID_LOW_HALF, "M-6", "ids that agree in their lower half are one")                                            \
        X(GENERATION_KEPT, "M-7", "a slot that is given back keeps its generation")                                    \
        X(SLOT_KEPT_BY_TAKER, "M-7", "an engine slot is not given back by an order that does not rest")                \
        X(OWNER_LINK_KEPT, "M-9", "a filled order stays in its owner's list")                                          \
        X(STALE_HOMES, "M-12", "homes that a batch has looked up stay when the id map is rebuilt")                     \
        X(BATCH_FORGETS_SELF_TRADE, "M-12", "a row of a batch with nothing but self-trade prevention runs as a plain one") \
        X(REDUCE_SHOWN_FIRST, "M-15", "a reduce takes shown lots before hidden ones")                                  \
        X(REDUCE_LOSES_PLACE, "M-15", "a reduced order goes to the back of its level")                                 \
        X(REPLACE_SMALLER_LOSES_PLACE, "M-16", "same price and less: the order goes to the back")                      \
        X(REPLACE_SAME_KEEPS_PLACE, "M-16", "same price and quantity: the order keeps its place")                      \
        X(REPLACE_LOSES_SELF_TRADE, "M-16", "a replaced order that trades has no self-trade prevention")               \
        X(REPLACE_LOSES_EXPIRY, "M-16", "a replaced order does not expire")                                            \
        X(REPLACE_COUNTS_OLD_LOTS, "M-16", "the room for a replace is counted with the old lots")                      \
        X(CANCEL_OWNER_SKIPS_LAST, "M-17", "the oldest order of an owner stays")                                       \
        X(CLEAR_LEAVES_STOPS, "M-18", "stops stay when all is cleared")                                                \
        X(FOK_COUNTS_OWN, "M-19", "own lots count under CANCEL_MAKER")                                                 \
        X(FOK_COUNTS_PAST_OWN, "M-19", "counting goes on behind an own order that would stop the taker")               \
        X(FOK_SKIPS_HIDDEN, "M-19", "hidden lots do not count")                                                        \
        X(FOK_COUNTS_REDUCE_ONLY, "M-19", "resting reduce-only lots count")                                            \
        X(POST_ONLY_AT_TOUCH, "M-20", "a post-only limit may equal the best opposite price")                           \
        X(EXPIRY_AT_NOW, "M-21", "an order that expires now is taken")                                                 \
        X(EXPIRES_LATE, "M-21", "an order lives a millisecond too long")                                               \
        X(EXPIRY_OF_ANOTHER, "M-21", "an expiry takes off the order that has its slot now")                            \
        X(SLICES_ONE_MORE, "M-22", "an iceberg of 10,001 slices is taken")                                             \
        X(ICEBERG_SHOWS_ONE_MORE, "M-22", "an iceberg comes to rest with one lot more than its display")               \
        X(ICEBERG_KEEPS_PLACE, "M-22", "the next slice stands at the front")                                           \
        X(BOTH_SPARES_TAKER, "M-23", "CANCEL_BOTH cancels the maker only")                                             \
        X(DECREMENT_DROPS_HIDDEN, "M-23", "DECREMENT takes an iceberg's hidden lots off")                              \
        X(NOBODY_IS_OWNER, "M-23", "two orders without an owner have the same")                                        \
        X(STOP_LATE, "M-24", "a stop fires one tick beyond its trigger price")                                         \
        X(STOPS_YOUNGEST_FIRST, "M-25", "of stops with one trigger price the youngest fires first")                    \
        X(STOPS_SEE_LAST_ONLY, "M-25", "only the last trade price of a command reaches stops")                         \
        X(STOPS_WRONG_SIDE_FIRST, "M-25", "buys and sells fire in the other order")                                    \
        X(PLAIN_FORGETS_STOPS, "M-25", "a plain order that trades fires no stops")                                     \
        X(STOPS_NOT_COUNTED, "M-25", "stops_per_ms is not looked at")                                                  \
        X(POSITION_FORGETS_TAKER, "M-26", "a trade leaves the taker's position as it was")                             \
        X(REDUCE_ONLY_NOT_CUT, "M-26", "a reduce-only order arrives with all its lots")                                \
        X(TRIM_OLDEST_FIRST, "M-27", "reduce-only lots are taken off the oldest order first")                          \
        X(MET_UNCUT, "M-27", "a taker meets a reduce-only order that passes its owner's position")                     \
        X(HALTED_CANCELS, "M-30", "HALTED takes a cancel")                                                             \
        X(AUCTION_MATCHES, "M-31", "orders trade in an auction")                                                       \
        X(LOCKED_OPENS, "M-31", "a locked book opens")                                                                 \
        X(UNFILLED_NOT_TOLD, "M-33", "what an IOC or market order leaves is in no row of cancels")                     \
        X(SLACK_LEFT_OUT, "E-3", "the budget is S, as if nothing were rounded")                                        \
        X(DEBT_UNROUNDED, "E-3", "without a position no rounding is counted, and 0 left is beyond")                    \
        X(GAIN_UNROUNDED, "E-3", "back over the better boundary nothing is taken off for rounding")                    \
        X(SHUT_ONE_WAY, "E-3", "where roundings can take more than is left, only the adverse side is shut")             \
        X(STEP_AT_NOTHING, "E-3", "at_or_below 1.0: the atom that comes with the first requirement is not counted")    \
        X(ATOM_OF_TODAY, "E-3", "a rounded atom of another asset is worth what it is today, not what it can be in the box") \
        X(LOWEST_OF_TODAY, "E-5", "a falling long keeps the requirement rate of its tier today")                       \
        X(HIGHEST_OF_TODAY, "E-5", "a rising short keeps the requirement rate of its tier today")                      \
        X(HAIRCUT_OF_TODAY, "E-5", "a falling collateral loses the share that counts of its last tier today")          \
        X(RISE_LEFT_OPEN, "E-5", "a long whose requirement outgrows its gain in a tier beyond the box has no upper end")  \
        X(PRODUCT_AS_ONE, "E-5", "what moves with two prices is counted as if with one")                               \
        X(BOX_NOT_HELD, "E-5", "with two prices a band is wider than an eighth")                                       \
        X(BAND_LATE, "E-2", "a band fires one tick late")                                                              \
        X(ONE_BAND_SET, "E-2", "only the band that fired is set anew")                                                 \
        X(WRITE_UNSEEN, "E-4", "a write leaves the bands where they were")                                             \
        X(LENDER_UNSEEN, "E-4", "a loan leaves the bands of its lender where they were")                               \
        X(CHECKED_BETWEEN, "E-1", "units are evaluated between two prices of one millisecond")                          \
        X(LAST_PART_SHARED, "X-7", "the last position of a unit bears its rounded share, not what is left")             \
        X(PART_ROUNDED_DOWN, "X-7", "a position's share of what a unit has is rounded down")                            \
        X(STEP_ROUNDED_DOWN, "X-5", "the lots of a step are rounded down")                                              \
        X(WHOLE_ONE_MORE, "X-5", "steps are whole a millisecond too long")                                              \
        X(STEP_FLIPS, "X-5", "a step's order is not cut to the position when it arrives")                               \
        X(BORDER_COUNTS_LOW, "X-6", "a notional at the border of two tiers is in the lower one")                        \
        X(TAKEN_WITH_ORDERS, "X-6", "a takeover does not wait until the unit's orders are gone")                        \
        X(TAKEN_WHILE_HEALTHY, "X-8", "a unit that is healthy again is taken over all the same")                        \
        X(TAKEN_AT_A_LOSS, "X-8", "a backstop accepts what leaves it an atom below 0")                                  \
        X(UNWIND_NOT_CUT, "X-9", "a backstop's order is not cut to what its balance can pay for")                       \
        X(FUND_PAYS_AGAIN, "X-10", "what the fund has paid for a liquidation does not count towards fund_most")         \
        X(LOSS_SHARED_WITH_LIQUIDATED, "X-10", "a unit in liquidation bears a part of a shared loss")                   \
        X(SHARED_ATOMS_KEPT, "X-10", "atoms that rounding leaves of a shared loss are shared by nobody")                \
        X(ROOM_IGNORES_EQUITY, "X-11", "a candidate takes more lots than its equity bears")                             \
        X(LIQUIDATED_IS_MET, "X-11", "a candidate in liquidation is met")                                               \
        X(VALUE_ROUNDED_UP, "X-11", "the value of the lots that a candidate takes is rounded up")                       \
        X(TIES_BY_SLOT, "X-12", "candidates with one score are met in the order in which they came to the market")      \
        X(RANKING_OUTLIVES, "X-12", "a ranking stands a millisecond too long")                                          \
        X(DRAW_FORGOTTEN, "X-12", "ADL without a ranking begins with the first account")                                \
        X(REMAINDER_TO_LAST, "X-12", "lots that rounding leaves go to the last accounts")                               \
        X(SALE_ROUNDED_DOWN, "X-13", "the lots of an asset that are sold for what is lacking are rounded down")         \
        X(FEE_ABOVE_LEFT, "X-14", "a clearance fee may be more than the unit has left")                                 \
        X(MARGIN_RELEASED_EARLY, "L-14", "an isolated giver's margin goes back before it is flat")                      \
        X(TAKEN_PART_ROUNDED_UP, "L-14", "the receiver's part of a value that closes its other side is rounded up") \
        X(LOAN_SLACK_LEFT_OUT, "Y-22", "a loan's budget is its surplus, as if nothing were rounded")                   \
        X(LOAN_INDEX_UNSEEN, "Y-22", "a loan does not wait on the index of its debt")                                  \
        X(LOAN_GAIN_UNSEEN, "Y-22", "a loan that is liquidatable does not wait on the better side")                    \
        X(LOAN_WRITE_UNSEEN, "Y-21", "what an action does to a loan is not looked at")                                 \
        X(INTEREST_AT_NEW_RATE, "Y-17", "interest up to an action is at the rate of now")                              \
        X(INTEREST_NOT_KEPT, "Y-17", "the protocol's part of interest is nobody's")                                    \
        X(KEPT_IS_CASH, "Y-18", "what is kept may be lent")                                                            \
        X(BORROW_BY_THRESHOLD, "Y-18", "a loan may grow up to its thresholds")                                         \
        X(CAP_COUNTS_NOTHING, "Y-18", "a cap is asked of the deposit alone")                                           \
        X(WITHDRAWAL_UNASKED, "Y-18", "a withdrawal does not ask whether the loan stands")                             \
        X(FEE_NOT_KEPT, "Y-19", "the protocol's fee of a liquidation is nobody's")                                     \
        X(DEFICIT_FORGOTTEN, "Y-19", "debt that is burned is booked nowhere")                                          \
        X(BARE_BY_ONE, "Y-19", "a loan is bare when one collateral is gone")                                           \
        X(ABSORBED_LEFT_LOST, "Y-19", "what is left to an absorbed account is lost")                                   \
        X(STOREFRONT_FILLS_LAST, "Y-19", "the storefront's takings are kept before the deficit is filled")             \
        X(COVER_NOT_GIVEN_BACK, "Y-19", "a flash liquidation keeps what it was lent")                                  \
        X(WORK_BY_ACCOUNT, "Y-21", "loans fall in the order of their accounts")                                        \
        X(SALE_REST_KEPT, "Y-23", "what a sale fetched beyond the debt is the lender's")                               \
        X(UNSOLD_KEPT, "Y-23", "what was not sold is the lender's")                                                    \
        X(BLOCK_BY_ARRIVAL, "B-3", "a block does not look at tips")                                                    \
        X(BLOCK_TAKES_LATECOMERS, "B-3", "a block takes what arrives in its own millisecond")                          \
        X(GAS_WITHOUT_TIP, "B-4", "the tip is not paid")                                                               \
        X(EMPTY_BLOCKS_UNSEEN, "B-5", "multiples without a block do not lower the base price")                         \
        X(HALT_TOO_LONG, "V-9", "orders are refused a millisecond too long")                                           \
        X(HALT_WINDOW_SHORT, "V-9", "the oldest eighth of the window is forgotten early")                              \
        X(HALT_BEYOND, "V-9", "a fall of exactly the declared share does not halt")                                    \
        X(HALT_REMEMBERS, "V-9", "what traded before a halt counts after it")                                          \
        X(SUMS_MARK_UNSEEN, "C-9", "a new mark leaves what is kept of its market as it was")                           \
        X(SUMS_TRADE_UNSEEN, "C-9", "a trade leaves what is kept of its market as it was")                             \
        X(SUMS_OUTLIVE, "C-9", "what is kept outlives a mark that has become stale")                                   \
        X(SUMS_KEPT, "C-9", "what is kept outlives a change that it does not follow")
    #define ENGINE_SLIP_CONSTANT(name, rule, slip) SLIP_##name,
    #define ENGINE_SLIP_NAME(name, rule, slip) #name,
    enum engine_slip { SLIP_NONE, ENGINE_SLIP_LIST(ENGINE_SLIP_CONSTANT) ENGINE_SLIPS_END };
    static const char *const engine_slip_names[] = { "", ENGINE_SLIP_LIST(ENGINE_SLIP_NAME) };
    static int engine_planted = SLIP_NONE;
    #define engine_is_planted(fault) (engine_planted == (fault))
    #define engine_plant(fault) (engine_planted = (fault))
    #define engine_slip_name(fault) engine_slip_names[fault]
    #else
    #define SLIP_NONE 0
    #define ENGINE_SLIPS_END 1
    #define engine_is_planted(fault) 0
    #define engine_plant(fault) ((void)(fault))
    #define engine_slip_name(fault) ((void)(fault), "")
    #endif
    """
    const bint ENGINE_FAULTS
    const int SLIP_NONE
    const int SLIPS_END "ENGINE_SLIPS_END"
    bint planted "engine_is_planted"(int fault) noexcept nogil
    void plant_number "engine_plant"(int fault) noexcept nogil
    const char* slip_name "engine_slip_name"(int fault) noexcept nogil
    enum:
        SLIP_PRICE_BOUND_REFUSED
        SLIP_NOTIONAL_WRAPS
        SLIP_NOTIONAL_SIGNED
        SLIP_SIDE_LOTS_KEPT
        SLIP_STOP_LOTS_KEPT
        SLIP_REJECT_TAKES_SLOT
        SLIP_DIGEST_SKIPS_HIDDEN
        SLIP_DIGEST_SKIPS_FIRED
        SLIP_YOUNGEST_FIRST
        SLIP_PLACE_LOST_BY_FILL
        SLIP_PAGE_SKIPPED
        SLIP_TAKERS_PRICE
        SLIP_IOC_RESTS
        SLIP_LEVEL_BIT_KEPT
        SLIP_BEST_KEPT
        SLIP_DUPLICATE_ID
        SLIP_ID_REACH_SHORT
        SLIP_ID_LOW_HALF
        SLIP_GENERATION_KEPT
        SLIP_SLOT_KEPT_BY_TAKER
        SLIP_OWNER_LINK_KEPT
        SLIP_STALE_HOMES
        SLIP_BATCH_FORGETS_SELF_TRADE
        SLIP_REDUCE_SHOWN_FIRST
        SLIP_REDUCE_LOSES_PLACE
        SLIP_REPLACE_SMALLER_LOSES_PLACE
        SLIP_REPLACE_SAME_KEEPS_PLACE
        SLIP_REPLACE_LOSES_SELF_TRADE
        SLIP_REPLACE_LOSES_EXPIRY
        SLIP_REPLACE_COUNTS_OLD_LOTS
        SLIP_CANCEL_OWNER_SKIPS_LAST
        SLIP_CLEAR_LEAVES_STOPS
        SLIP_FOK_COUNTS_OWN
        SLIP_FOK_COUNTS_PAST_OWN
        SLIP_FOK_SKIPS_HIDDEN
        SLIP_FOK_COUNTS_REDUCE_ONLY
        SLIP_POST_ONLY_AT_TOUCH
        SLIP_EXPIRY_AT_NOW
        SLIP_EXPIRES_LATE
        SLIP_EXPIRY_OF_ANOTHER
        SLIP_SLICES_ONE_MORE
        SLIP_ICEBERG_SHOWS_ONE_MORE
        SLIP_ICEBERG_KEEPS_PLACE
        SLIP_BOTH_SPARES_TAKER
        SLIP_DECREMENT_DROPS_HIDDEN
        SLIP_NOBODY_IS_OWNER
        SLIP_STOP_LATE
        SLIP_STOPS_YOUNGEST_FIRST
        SLIP_STOPS_SEE_LAST_ONLY
        SLIP_STOPS_WRONG_SIDE_FIRST
        SLIP_PLAIN_FORGETS_STOPS
        SLIP_STOPS_NOT_COUNTED
        SLIP_POSITION_FORGETS_TAKER
        SLIP_REDUCE_ONLY_NOT_CUT
        SLIP_TRIM_OLDEST_FIRST
        SLIP_MET_UNCUT
        SLIP_HALTED_CANCELS
        SLIP_AUCTION_MATCHES
        SLIP_LOCKED_OPENS
        SLIP_UNFILLED_NOT_TOLD
        SLIP_SLACK_LEFT_OUT
        SLIP_DEBT_UNROUNDED
        SLIP_GAIN_UNROUNDED
        SLIP_SHUT_ONE_WAY
        SLIP_STEP_AT_NOTHING
        SLIP_ATOM_OF_TODAY
        SLIP_LOWEST_OF_TODAY
        SLIP_HIGHEST_OF_TODAY
        SLIP_HAIRCUT_OF_TODAY
        SLIP_RISE_LEFT_OPEN
        SLIP_PRODUCT_AS_ONE
        SLIP_BOX_NOT_HELD
        SLIP_BAND_LATE
        SLIP_ONE_BAND_SET
        SLIP_WRITE_UNSEEN
        SLIP_LENDER_UNSEEN
        SLIP_CHECKED_BETWEEN
        SLIP_LAST_PART_SHARED
        SLIP_PART_ROUNDED_DOWN
        SLIP_STEP_ROUNDED_DOWN
        SLIP_WHOLE_ONE_MORE
        SLIP_STEP_FLIPS
        SLIP_BORDER_COUNTS_LOW
        SLIP_TAKEN_WITH_ORDERS
        SLIP_TAKEN_WHILE_HEALTHY
        SLIP_TAKEN_AT_A_LOSS
        SLIP_UNWIND_NOT_CUT
        SLIP_FUND_PAYS_AGAIN
        SLIP_LOSS_SHARED_WITH_LIQUIDATED
        SLIP_SHARED_ATOMS_KEPT
        SLIP_ROOM_IGNORES_EQUITY
        SLIP_LIQUIDATED_IS_MET
        SLIP_VALUE_ROUNDED_UP
        SLIP_TIES_BY_SLOT
        SLIP_RANKING_OUTLIVES
        SLIP_DRAW_FORGOTTEN
        SLIP_REMAINDER_TO_LAST
        SLIP_SALE_ROUNDED_DOWN
        SLIP_FEE_ABOVE_LEFT
        SLIP_MARGIN_RELEASED_EARLY
        SLIP_TAKEN_PART_ROUNDED_UP
        SLIP_LOAN_SLACK_LEFT_OUT
        SLIP_LOAN_INDEX_UNSEEN
        SLIP_LOAN_GAIN_UNSEEN
        SLIP_LOAN_WRITE_UNSEEN
        SLIP_INTEREST_AT_NEW_RATE
        SLIP_INTEREST_NOT_KEPT
        SLIP_KEPT_IS_CASH
        SLIP_BORROW_BY_THRESHOLD
        SLIP_CAP_COUNTS_NOTHING
        SLIP_WITHDRAWAL_UNASKED
        SLIP_FEE_NOT_KEPT
        SLIP_DEFICIT_FORGOTTEN
        SLIP_BARE_BY_ONE
        SLIP_ABSORBED_LEFT_LOST
        SLIP_STOREFRONT_FILLS_LAST
        SLIP_COVER_NOT_GIVEN_BACK
        SLIP_WORK_BY_ACCOUNT
        SLIP_SALE_REST_KEPT
        SLIP_UNSOLD_KEPT
        SLIP_BLOCK_BY_ARRIVAL
        SLIP_BLOCK_TAKES_LATECOMERS
        SLIP_GAS_WITHOUT_TIP
        SLIP_EMPTY_BLOCKS_UNSEEN
        SLIP_HALT_TOO_LONG
        SLIP_HALT_WINDOW_SHORT
        SLIP_HALT_BEYOND
        SLIP_HALT_REMEMBERS
        SLIP_SUMS_MARK_UNSEEN
        SLIP_SUMS_TRADE_UNSEEN
        SLIP_SUMS_OUTLIVE
        SLIP_SUMS_KEPT
