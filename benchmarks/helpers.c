/* What the matcher benchmark needs outside its clock, compiled at run time; nothing here is timed. */
#include <stdint.h>
#include <stdlib.h>

/* The order-sensitive hash of refbook.c over recorded fills: the formula of its match_(), row by row. */
uint64_t fill_hash(int64_t rows, const int64_t *maker, const int64_t *taker, const int32_t *price, const int64_t *qty)
{
    uint64_t h = 1469598103934665603ULL;
    for (int64_t i = 0; i < rows; i++)
        h = (h ^ ((uint64_t)maker[i] * 0x9E3779B97F4A7C15ULL + (uint64_t)taker[i] * 31
                  + (uint64_t)price[i] * 131071 + (uint64_t)qty[i])) * 1099511628211ULL;
    return h;
}

/* Name each message's order by a dense slot, as a caller with a last-in first-out pool would: the slot is taken before the
 * order matches (its makers are still in use) and given back at once if the order does not rest. Which orders end when is
 * read from the fills of a run by order id, sorted by `command`. Returns the number of slots, or -1 if the fills cannot be
 * those of the flow, -2 without memory. */
int64_t assign_slots(int64_t rows, const uint8_t *type, const int32_t *qty, const int32_t *oid, const int32_t *target,
                     int64_t fills, const int32_t *command, const int64_t *maker, const int64_t *filled, int64_t oid_max,
                     int32_t *slot)
{
    int32_t *slot_of = calloc(oid_max + 1, 4), *leaves = calloc(oid_max + 1, 4), *pool = malloc((rows + 1) * 4);
    int64_t pooled = 0, top = 0, at = 0, result = -1;
    if (!slot_of || !leaves || !pool) { result = -2; goto end; }
    for (int64_t i = 0; i < rows; i++) {
        if (type[i] == 1) {
            if (!leaves[target[i]]) goto end;
            leaves[target[i]] = 0;
            slot[i] = pool[pooled++] = slot_of[target[i]];
            continue;
        }
        int64_t left = qty[i];
        slot[i] = pooled ? pool[--pooled] : (int32_t)top++;
        for (; at < fills && command[at] == i; at++) {
            if (maker[at] < 0 || maker[at] > oid_max || filled[at] > leaves[maker[at]] || filled[at] > left) goto end;
            left -= filled[at];
            leaves[maker[at]] -= (int32_t)filled[at];
            if (!leaves[maker[at]]) pool[pooled++] = slot_of[maker[at]];
        }
        if (left && type[i] == 0) { slot_of[oid[i]] = slot[i]; leaves[oid[i]] = (int32_t)left; }
        else pool[pooled++] = slot[i];
    }
    if (at == fills) result = top;
end:
    free(slot_of); free(leaves); free(pool);
    return result;
}
