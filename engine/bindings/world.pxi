# World: the simulator by numbers; engine/simulation.py gives it names and units.
#
# One class in several files, each a floor: behaviours, columns <- state <- tables <- declaring <- pricing <- margin <- columns <- funding <- breakers <- waterfall <- lending <- pools <- issuers <- what if <- agents <- replay <- callers (Python agents, with their
# contexts) <- reading (with the tables of lineage) <- World: running, snapshot, fork.

include "behaviours.pxi"
include "record_columns.pxi"
include "world_state.pxi"
include "world_tables.pxi"
include "world_declare.pxi"
include "world_prices.pxi"
include "world_margin.pxi"
include "world_columns.pxi"
include "world_funding.pxi"
include "world_breakers.pxi"
include "world_waterfall.pxi"
include "world_lending.pxi"
include "world_pools.pxi"
include "world_issuers.pxi"
include "world_whatif.pxi"
include "world_agents.pxi"
include "world_holders.pxi"
include "world_replay.pxi"
include "context.pxi"
include "world_callers.pxi"
include "world_lineage.pxi"
include "world_read.pxi"


@cython.final
cdef class World(_WorldReading):
    """World(seed, *, stage_ppm=250000, stage_lots_min=1, stage_interval_ms=1000, depth_every_ms=0, record_trades=True, record_journal=True)

    Hold and run one simulated world, everything named by its number.

    Parameters
    ----------
    seed : int
        Key of every random draw (rule R-2).
    stage_ppm : int
        Share of a position that a liquidation step closes, ppm (rule X-4).
    stage_lots_min : int
        Least lots of a step.
    stage_interval_ms : int
        Time between steps, ms.
    depth_every_ms : int
        Cadence of the samples table, ms; 0 switches it off.
    record_trades, record_journal : bool
        Whether these tables are written; neither changes the run. `record` says more of tables.

    Notes
    -----
    Assets are declared first, then accounts and markets, then what lives on them. Accounts 0, 1, 2 are the venue's: fees, insurance fund,
    bad debt. `engine.Simulation` is the same with names and units.
    """

    def __init__(self, seed, *, stage_ppm=250000, stage_lots_min=1, stage_interval_ms=1000, depth_every_ms=0,
                 record_trades=True, record_journal=True):
        if seed is None:
            raise bad_input("seed", "an integer", seed)

    def run(self, until_ms, *, check=False, events=None):
        """Run events until a time.

        Parameters
        ----------
        until_ms : int
            Last time, ms, included.
        check : bool
            Walk and check the whole world after every event (O(state) each).
        events : int, optional
            Stop after this many events instead.

        Returns
        -------
        int
            Events that ran.

        Raises
        ------
        InvariantError
            A check failed or an inner fault came up; the world refuses to go on.
        KeyboardInterrupt
            Ctrl-C: the world stands between two events and can go on.
        """
        cdef State* state = self.enter()
        cdef int64_t until = border_int(until_ms, "until_ms", state.now_ms, TIME_MAX >> 1)
        cdef int64_t most = INT64_MAX_ if events is None else border_int(events, "events", 0, INT64_MAX_)
        cdef int64_t total = 0, ran, block, polled = 0
        cdef bint checks = bool(check), ends
        cdef int64_t step = 1 if checks else POLL_EVENTS
        self.busy = True
        try:
            while total < most:
                block = min(step, most - total)
                with nogil:
                    ran = kernel_run(&self.world, until, block)
                    if checks and state.fault == FAULT_NONE:
                        state.fault = world_verify(&self.world)
                total += ran
                if state.fault:
                    self.raise_fault()
                ends = ran < block and not self.world.has_call
                if self.world.has_call:
                    self.call_pending()
                if ends or total >= polled:
                    if self.spills:
                        self.spill_full()
                        step = self.next_step(step, checks)
                    PyErr_CheckSignals()
                    polled = total + step
                if ends:
                    break
        finally:
            self.busy = False
        return total

    def snapshot(self, *, into=None):
        """Return the whole state as bytes (rule J-3); output tables are not part of it.

        Parameters
        ----------
        into : bytearray, optional
            Written instead of new memory, and returned: its pages are there already, which is half of the time.

        Returns
        -------
        bytes or bytearray

        Raises
        ------
        InputError
            A Python agent cannot be pickled.

        Notes
        -----
        O(state).
        """
        cdef State* state = self.enter()
        cdef bytes callers = self.pickled_callers()
        cdef uint64_t size = snapshot_bytes(&self.world), tail = len(callers), sum
        cdef char* at
        cdef object data
        if into is None:
            data = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>(size + tail + 16))
            at = PyBytes_AS_STRING(data)
        elif isinstance(into, bytearray):
            data = into
            PyByteArray_Resize(data, <Py_ssize_t>(size + tail + 16))
            at = PyByteArray_AS_STRING(data)
        else:
            raise bad_input("into", "a bytearray", type(into).__name__)
        with nogil:
            snapshot_save(&self.world, at)
        memcpy(at + size, PyBytes_AS_STRING(callers), tail)
        sum = checksum(at + size, tail)
        memcpy(at + size + tail, &tail, 8)
        memcpy(at + size + tail + 8, &sum, 8)
        return data

    @staticmethod
    def restore(data):
        """Make a world from a snapshot; it runs on as the original does.

        Parameters
        ----------
        data : bytes or bytearray
            From `snapshot`, of the same build. Python agents are loaded with pickle: only from a source that you trust.

        Returns
        -------
        World

        Raises
        ------
        InputError
            Says why the bytes are no snapshot of this build.
        """
        cdef World world = World.__new__(World)
        cdef const char* at
        cdef uint64_t length, tail = 0, sum = 0
        cdef int fault = SNAPSHOT_SHORT
        cdef bint is_cut = False
        if isinstance(data, bytes):
            at, length = PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)
        elif isinstance(data, bytearray):
            at, length = PyByteArray_AS_STRING(data), PyByteArray_GET_SIZE(data)
        else:
            raise bad_input("data", "bytes from World.snapshot", type(data).__name__)
        if length >= sizeof(SnapshotHeader) + sizeof(WorldData) + 24:
            memcpy(&tail, at + length - 16, 8)
            memcpy(&sum, at + length - 8, 8)
            is_cut = tail > length - 16
            tail = 0 if is_cut else tail         # damaged: what the header says is wrong comes first
            fault = SNAPSHOT_SOUND
        if fault == SNAPSHOT_SOUND:
            with nogil:
                fault = snapshot_load(&world.world, at, length - 16 - tail)
        if fault == SNAPSHOT_SOUND and (is_cut or sum != checksum(at + length - 16 - tail, tail)):
            fault = SNAPSHOT_DAMAGED
        if fault == SNAPSHOT_NO_MEMORY:
            raise MemoryError("World.restore: no memory")
        if fault:
            raise bad_input("data", "a snapshot of this build", _SNAPSHOT_TEXTS[fault])
        world.unpickle_callers(PyBytes_FromStringAndSize(at + length - 16 - tail, <Py_ssize_t>tail))
        return world

    def fork(self, *, seed=None):
        """Copy the world; the copy and the original go on independently.

        Parameters
        ----------
        seed : int, optional
            New key of the draws from now on; without it the copy repeats the original.

        Returns
        -------
        World
        """
        cdef World copy = World.restore(self.snapshot())
        if seed is not None:
            copy.reseed(border_word(seed, "seed"))
        return copy

    cdef int reseed(self, uint64_t seed) except -1:
        """Change the key of every draw from now on: stream = mix64(mix64(seed + G) ^ id_key) (R-2)."""
        cdef State* state = &self.world.state
        cdef uint64_t change = mix64(state.seed + GOLDEN) ^ mix64(seed + GOLDEN)
        cdef uint32_t i
        for i in range(state.agents.count):
            agent_at(state, i).stream = mix64(unmix64(agent_at(state, i).stream) ^ change)
        state.seed = seed
        return 0
