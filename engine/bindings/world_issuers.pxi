# World, issuers: routes between venues, issuers of tokens (sections K and I).

from engine.native.issue cimport *
from engine.native.issuers cimport *
from engine.native.route cimport *
from engine.native.transit cimport *

cdef int64_t _RATE_MOST = <int64_t>1 << 52
cdef int64_t _DAY_MS = 86400000


cdef class _WorldIssuers(_WorldPools):
    """Declare routes and issuers, and say what they did."""

    cdef int fill_windows(self, object given, uint32_t* first, uint32_t* count) except -1:
        """Check windows of outage and keep them; `first` and `count` say where."""
        cdef State* state = &self.world.state
        cdef Oracle draft
        cdef Outage* row
        cdef list ends
        cdef uint32_t i
        memset(&draft, 0, sizeof(Oracle))
        ends = self.read_outages(given, &draft)
        first[0], count[0] = state.issuers.outages.count, draft.outage_count >> 1
        if slab_reserve(&state.issuers.outages, count[0]):
            raise MemoryError("World: no memory for windows")
        for i in range(count[0]):
            row = outage_at(&state.issuers, slab_take(&state.issuers.outages))
            row.from_ms, row.to_ms = ends[2 * i], ends[2 * i + 1]
        return 0

    cdef int fill_cap(self, Allotment* cap, object atoms, object every_ms, str name) except -1:
        cap.most = border_int(atoms, name + "_atoms", 0, ACTION_ALL)
        cap.every_ms = border_int(every_ms, name + "_ms", 1, _MS_MOST)
        return 0

    def add_route(self, asset, venue, to_venue, *, key, least_ms, law=None, fee_atoms=0, cap_atoms=0, cap_ms=_DAY_MS, outages=()):
        """Open a route that carries an asset from a venue to another, or within one (rules K-1 .. K-4).

        Parameters
        ----------
        asset, venue, to_venue : int
            What it carries, from where, to where.
        key : str
            Its name, key of its draws.
        least_ms : int
            How long a transfer is on its way at least, ms; in all at least 1.
        law : tuple, optional
            (name, a[, b]) of what comes on top, ms, as a latency law.
        fee_atoms : int
            Of each transfer, to the fees of `venue`.
        cap_atoms, cap_ms : int
            At most so many atoms leave in each window of so many ms since 0; 0: any.
        outages : sequence of tuple of int
            Windows (from_ms, to_ms), ascending, in which nothing leaves and nothing arrives.

        Returns
        -------
        int
            Its number.
        """
        cdef State* state = self.enter()
        cdef Route row
        cdef bytes text
        memset(&row, 0, sizeof(Route))
        if not isinstance(key, str) or not key:
            raise bad_input("key", "a name", key)
        text = key.encode("utf-8", "surrogatepass")
        row.key = mix64(fnv1a64(text, len(text)))
        row.asset = self.asset_number(asset, "asset")
        row.venue = self.venue_number(venue)
        row.to_venue = <uint32_t>border_int(to_venue, "to_venue", 0, <int64_t>state.venues.count - 1)
        row.least_ms = border_int(least_ms, "least_ms", 0, _MS_MOST)
        row.fee_atoms = border_int(fee_atoms, "fee_atoms", 0, ACTION_ALL)
        self.fill_cap(&row.cap, cap_atoms, cap_ms, "cap")
        row.law = self.law_slot(law, "law")
        row.way.first = row.way.last = NIL
        row.drawn_ms = -1
        self.first_accounts()
        if state.issuers.routes.count >= 65535:
            raise bad_input("key", "at most 65,535 routes", key)
        if slab_reserve(&state.issuers.routes, 1):
            raise MemoryError("World.add_route: no memory")
        self.fill_windows(outages, &row.outage_first, &row.outage_count)
        row.account = self.new_accounts(1, row.venue, True, MODE_CASH)
        account_at(&state.accounts, row.account).is_closed = 1
        cdef uint32_t number = slab_take(&state.issuers.routes)
        route_at(&state.issuers, number)[0] = row
        return number

    cdef list read_listed(self, object listed):
        """Accounts in ascending order, each once."""
        return sorted({self.trader_number(account, f"listed[{i}]") for i, account in enumerate(border_list(listed))})

    cdef int fill_rate(self, Issuer* row, object rate_ppb, object growth_ppb, object growth_ms, object mint_ppm, object redeem_ppm) except -1:
        row.rate_ppb = border_int(rate_ppb, "rate_ppb", 1, _RATE_MOST)
        row.growth_ppb = border_int(growth_ppb, "growth_ppb", 0, PPB)
        row.growth_ms = border_int(growth_ms, "growth_ms", row.growth_ppb > 0, _MS_MOST)
        row.since_ms = self.world.state.now_ms
        row.mint_ppm = border_int(mint_ppm, "mint_ppm", 0, 1000000)
        row.redeem_ppm = border_int(redeem_ppm, "redeem_ppm", 0, 1000000)
        return 0

    def add_issuer(self, backing, token, *, account, venue=0, rate_ppb=1000000000, growth_ppb=0, growth_ms=0, mint_ppm=0, redeem_ppm=0,
                   mint_cap_atoms=0, mint_cap_ms=_DAY_MS, redeem_cap_atoms=0, redeem_cap_ms=_DAY_MS, listed=None, staked=None, cooldown_ms=0,
                   outages=()):
        """Open an issuer: it makes a token for backing and destroys it again (rules I-1 .. I-4).

        Parameters
        ----------
        backing, token : int
            Assets.
        account : int
            The trader's account that holds the backing and may trade with it; it may stand at another venue.
        venue : int
            Where others act at it.
        rate_ppb : int
            Atoms of backing for 10**9 of the token, 1 .. 2**52.
        growth_ppb, growth_ms : int
            The rate grows by so much of what it is now in each such interval from now on; 0: it stands.
        mint_ppm, redeem_ppm : int
            Fees, which stay with the backing.
        mint_cap_atoms, mint_cap_ms, redeem_cap_atoms, redeem_cap_ms : int
            At most so many tokens in each window of so many ms since 0; 0: any.
        listed : sequence of int, optional
            Accounts that may mint and redeem; without it all.
        staked : int, optional
            The asset that stands for staked tokens; without it there is no staking.
        cooldown_ms : int
            From unstaking to the tokens; 0: at once.
        outages : sequence of tuple of int
            Windows (from_ms, to_ms), ascending, in which it does nothing.

        Returns
        -------
        int
            Its number.
        """
        cdef State* state = self.enter()
        cdef Issuer row
        cdef list names = [] if listed is None else self.read_listed(listed)
        memset(&row, 0, sizeof(Issuer))
        row.backing = self.asset_number(backing, "backing")
        row.token = self.asset_number(token, "token")
        row.staked = NIL if staked is None else self.asset_number(staked, "staked")
        if row.token == row.backing:
            raise bad_input("token", "another asset than the backing", token)
        if row.staked == row.token or row.staked == row.backing:
            raise bad_input("staked", "another asset than token and backing", staked)
        row.venue = self.venue_number(venue)
        row.account = self.trader_number(account)
        self.fill_rate(&row, rate_ppb, growth_ppb, growth_ms, mint_ppm, redeem_ppm)
        self.fill_cap(&row.mint_cap, mint_cap_atoms, mint_cap_ms, "mint_cap")
        self.fill_cap(&row.redeem_cap, redeem_cap_atoms, redeem_cap_ms, "redeem_cap")
        row.cooldown_ms = border_int(cooldown_ms, "cooldown_ms", 0, _MS_MOST)
        row.is_listed = listed is not None
        if state.issuers.issuers.count >= 65535:
            raise bad_input("token", "at most 65,535 issuers", token)
        if slab_reserve(&state.issuers.issuers, 1) or slab_reserve(&state.issuers.listed, <uint32_t>len(names)):
            raise MemoryError("World.add_issuer: no memory")
        self.fill_windows(outages, &row.outage_first, &row.outage_count)
        row.listed_first, row.listed_count = state.issuers.listed.count, <uint32_t>len(names)
        for name in names:
            (<uint32_t*>state.issuers.listed.base)[slab_take(&state.issuers.listed)] = name
        row.vault = row.cooling = row.way.first = row.way.last = NIL
        if row.staked != NIL:
            row.vault = self.new_accounts(2, row.venue, True, MODE_CASH)
            row.cooling = row.vault + 1
            account_at(&state.accounts, row.cooling).is_closed = 1
        cdef uint32_t number = slab_take(&state.issuers.issuers)
        issuer_at(&state.issuers, number)[0] = row
        return number

    # ---- reading ----

    cdef tuple way_sum(self, Transits* way):
        """How many transits are on their way, and their atoms."""
        cdef slot_t slot = way.first
        cdef int64_t count = 0, atoms = 0
        while slot != NIL:
            count += 1
            atoms += transit_at(&self.world.state.issuers, slot).atoms
            slot = transit_at(&self.world.state.issuers, slot).next
        return count, atoms

    def route(self, route):
        """Return what a route is and did.

        Parameters
        ----------
        route : int
            Its number.

        Returns
        -------
        dict
            ``asset, venue, to_venue, account`` (what is on its way), ``least_ms, fee_atoms, transfers`` (that left so far), ``on_way`` and
            ``on_way_atoms``, ``cap_left`` (None without a cap), ``is_out``.

        Notes
        -----
        O(what is on its way).
        """
        self.enter()
        return self.route_told(route)

    cdef dict route_told(self, object route):
        cdef State* state = &self.world.state
        cdef Route* row = route_at(&state.issuers, <uint32_t>border_int(route, "route", 0, <int64_t>state.issuers.routes.count - 1))
        count, atoms = self.way_sum(&row.way)
        return {"asset": row.asset, "venue": row.venue, "to_venue": row.to_venue, "account": row.account, "least_ms": row.least_ms,
                "fee_atoms": row.fee_atoms, "transfers": row.transfer_count, "on_way": count, "on_way_atoms": atoms,
                "cap_left": allotment_left(&row.cap, state.now_ms) if row.cap.most else None,
                "is_out": outage_end(&state.issuers, row.outage_first, row.outage_count, state.now_ms) != state.now_ms}

    def issuer(self, issuer):
        """Return what an issuer is and did.

        Parameters
        ----------
        issuer : int
            Its number.

        Returns
        -------
        dict
            ``backing, token, staked`` (None without staking), ``venue, account, vault, cooling``, ``rate_ppb`` now, ``mint_ppm, redeem_ppm, minted, redeemed``,
            ``supply`` of the token and ``shares`` of the staked one, ``vault_atoms``, ``cooling_count`` and ``cooling_atoms``, ``mint_left`` and
            ``redeem_left`` (None without a cap), ``is_out``.

        Notes
        -----
        O(what cools down).
        """
        self.enter()
        return self.issuer_told(issuer)

    cdef dict issuer_told(self, object issuer):
        cdef State* state = &self.world.state
        cdef Issuer* row = issuer_at(&state.issuers, <uint32_t>border_int(issuer, "issuer", 0, <int64_t>state.issuers.issuers.count - 1))
        cdef bint stakes = row.vault != NIL
        count, atoms = self.way_sum(&row.way)
        return {"backing": row.backing, "token": row.token, "staked": row.staked if stakes else None, "venue": row.venue, "account": row.account,
                "vault": row.vault if stakes else None, "cooling": row.cooling if stakes else None, "rate_ppb": issuer_rate(row, state.now_ms),
                "mint_ppm": row.mint_ppm, "redeem_ppm": row.redeem_ppm,
                "minted": row.minted, "redeemed": row.redeemed, "supply": asset_at(&state.ledger, row.token).net_deposits,
                "shares": asset_at(&state.ledger, row.staked).net_deposits if stakes else 0,
                "vault_atoms": balance_at(&state.ledger, row.vault, row.token).atoms if stakes else 0,
                "cooling_count": count, "cooling_atoms": atoms,
                "mint_left": allotment_left(&row.mint_cap, state.now_ms) if row.mint_cap.most else None,
                "redeem_left": allotment_left(&row.redeem_cap, state.now_ms) if row.redeem_cap.most else None,
                "is_out": outage_end(&state.issuers, row.outage_first, row.outage_count, state.now_ms) != state.now_ms}
