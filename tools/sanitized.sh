#!/bin/sh
# Run a command against a core that was built with FIRESALE_SANITIZE=1: `tools/sanitized.sh .venv/bin/python -m pytest`.
# The sanitizer's library must be loaded before the interpreter; Python's own small-object allocator would hide errors from
# it, and what the interpreter keeps until it exits is not a leak of ours.
set -eu
library=$("${CC:-gcc}" -print-file-name=libasan.so)
runtime=$("${CC:-gcc}" -print-file-name=libstdc++.so)
exec env \
    LD_PRELOAD="$library $runtime" \
    PYTHONMALLOC=malloc \
    ASAN_OPTIONS="detect_leaks=0:abort_on_error=0:${ASAN_OPTIONS:-}" \
    UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:${UBSAN_OPTIONS:-}" \
    "$@"
