# make demo | build | test | test-long | debug | asan | faults | bench | lint | annotate | clean
#
# Every target makes its own virtual environment in .venv and needs only Python 3.11+ (with venv and Python.h), gcc and make.
# `make PYTHON=python3.13 test` chooses the interpreter; `make test ARGS="-k queue -x"` passes options to pytest,
# `make lint STAGES=types` runs one stage of several.

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
STAGES ?= style types stubs doctests examples
# What the sanitizers look at: C. Scenario files, benchmarks and pages are Python on the same calls.
SANITIZED_TESTS ?= tests/unit --ignore-glob=*/test_scenario* --ignore-glob=*/test_bench* --ignore-glob=*/test_tracebook* $(addprefix tests/properties/test_,triggers.py allowance.py margin_walks.py whatif.py funding_pairs.py world_pairs.py waterfall_worlds.py)

override BIN := $(VENV)/bin
SHELL := /bin/sh
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.PHONY: environment demo build test test-long debug debug-core asan faults bench lint annotate clean FORCE

PIP  = $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet -c constraints.txt
CORE = $(BIN)/python setup.py --quiet build_ext --inplace
RELEASE = echo "== building engine._core (release)" && $(CORE)
PYTEST = $(BIN)/python -m pytest

# An environment that was made for another checkout or interpreter (a moved folder) is made again.
ifneq ($(shell $(BIN)/python -c 'import sys; print(sys.prefix)' 2>/dev/null),$(abspath $(VENV)))
$(BIN)/python: FORCE
endif

$(BIN)/python:
	@tools/check_machine.sh $(PYTHON)
	@echo "== creating $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)

# One stamp per set of extras: pip runs only when the declared or the pinned dependencies changed. The core is left out here
# (FIRESALE_NO_CORE) and built in place by the targets below, so a run of make compiles it at most once.
$(VENV)/installed-%: pyproject.toml constraints.txt $(BIN)/python
	@echo "== installing firesale[$*]"
	@$(PIP) setuptools Cython
	@FIRESALE_NO_CORE=1 $(PIP) --no-build-isolation -e '.[$*]'
	@touch $@

RUN_EXTRAS  := $(VENV)/installed-data,report
TEST_EXTRAS := $(VENV)/installed-data,report,test
LINT_EXTRAS := $(VENV)/installed-data,lint,report,test

environment: $(TEST_EXTRAS)

build: $(RUN_EXTRAS)
	@$(RELEASE)

demo: $(RUN_EXTRAS)
	@$(RELEASE)
	@$(BIN)/firesale run atom-flash-crash --out runs/atom-flash-crash $(ARGS)
	@$(BIN)/firesale run october-2025 --scale small --counterfactuals --seeds 2 --out runs/october-2025

test: $(TEST_EXTRAS)
	@$(RELEASE)
	@$(PYTEST) -m "not slow" $(ARGS)

# FIRESALE_EXAMPLES: how many examples Hypothesis draws where a test says nothing else (60 without it).
test-long: $(TEST_EXTRAS)
	@$(RELEASE)
	@FIRESALE_EXAMPLES=240 $(PYTEST) $(ARGS)

# Each build has its own folder of objects, so going back to release compiles nothing. The release build is put back whether
# the suite passed or not.
debug: $(TEST_EXTRAS)
	@echo "== building engine._core (debug)" && FIRESALE_DEBUG=1 $(CORE)
	@status=0; $(PYTEST) -m "not slow" $(ARGS) || status=$$?; $(RELEASE) && exit $$status

# What may be compiled beside `make test`: nothing is put in place, `make debug` then finds its core built.
debug-core: $(TEST_EXTRAS)
	@echo "== building engine._core (debug), not in place" && FIRESALE_DEBUG=1 $(BIN)/python setup.py --quiet build_ext

asan: $(TEST_EXTRAS)
	@echo "== building engine._core (debug, ASan and UBSan)" && FIRESALE_DEBUG=1 FIRESALE_SANITIZE=1 $(CORE)
	@status=0; tools/sanitized.sh $(PYTEST) -p no:cacheprovider --capture=sys -m "not slow" $(SANITIZED_TESTS) $(ARGS) || status=$$?; $(RELEASE) && exit $$status

# The core with its planted faults: the tests against none and against each, and docs/planted-faults.md.
faults: $(TEST_EXTRAS)
	@echo "== building engine._core (planted faults)" && FIRESALE_FAULTS=1 $(CORE)
	@status=0; $(BIN)/python tools/planted_faults.py $(ARGS) || status=$$?; $(RELEASE) && exit $$status

bench: $(TEST_EXTRAS)
	@$(RELEASE)
	@$(BIN)/firesale bench $(ARGS)

# Style and types read sources only.
lint: $(LINT_EXTRAS)
	@$(if $(filter-out style types,$(STAGES)),$(RELEASE))
	@tools/lint.sh $(BIN)/python $(STAGES)

annotate: $(RUN_EXTRAS)
	@FIRESALE_ANNOTATE=1 $(CORE)
	@echo "== see build/annotate/engine/_core.html"

clean:
	rm -rf build dist *.egg-info engine/*.so engine/*.html .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find engine tests benchmarks calibration examples tools -name __pycache__ -type d -prune -exec rm -rf {} +
