# World: the simulator by numbers; engine/simulation.py gives it names and units.
#
# One class in six files, each a floor: state <- tables <- declaring <- agents <- reading <- World (running, snapshot, fork).

include "record_columns.pxi"
include "world_state.pxi"
include "world_tables.pxi"
include "world_declare.pxi"
include "world_agents.pxi"
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
        cdef int64_t total = 0, ran, block
        cdef bint checks = bool(check)
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
                if self.spills:
                    self.spill_full()
                    step = self.next_step(step, checks)
                PyErr_CheckSignals()
                if ran < block:
                    break
        finally:
            self.busy = False
        return total

    def snapshot(self):
        """Return the whole state as bytes (rule J-3); output tables are not part of it.

        Notes
        -----
        O(state).
        """
        cdef State* state = self.enter()
        cdef uint64_t size = snapshot_bytes(&self.world)
        cdef bytes data = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        snapshot_save(&self.world, PyBytes_AS_STRING(data))
        return data

    @staticmethod
    def restore(data):
        """Make a world from a snapshot; it runs on as the original does.

        Parameters
        ----------
        data : bytes
            From `snapshot`, of the same build.

        Returns
        -------
        World

        Raises
        ------
        InputError
            Says why the bytes are no snapshot of this build.
        """
        cdef World world = World.__new__(World)
        cdef int fault
        if not isinstance(data, bytes):
            raise bad_input("data", "bytes from World.snapshot", type(data).__name__)
        fault = snapshot_load(&world.world, PyBytes_AS_STRING(data), <uint64_t>PyBytes_GET_SIZE(data))
        if fault == SNAPSHOT_NO_MEMORY:
            raise MemoryError("World.restore: no memory")
        if fault:
            raise bad_input("data", "a snapshot of this build", _SNAPSHOT_TEXTS[fault])
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
        for i in range(self.world.makers.makers.count):
            maker_at(&self.world.makers, i).stream = mix64(unmix64(maker_at(&self.world.makers, i).stream) ^ change)
        for i in range(self.world.takers.noise.count):
            noise_at(&self.world.takers, i).stream = mix64(unmix64(noise_at(&self.world.takers, i).stream) ^ change)
        state.seed = seed
        return 0
