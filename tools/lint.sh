#!/bin/sh
# Everything that reads the code without running the suite: style, types, stubs, doctests, examples.
# Usage: tools/lint.sh PYTHON STAGE..., stages: style types stubs doctests examples. Every stage runs, whatever failed before.
set -u
python=$1
shift
status=0
PATH=$(dirname "$python"):$PATH # cython-lint runs pycodestyle by its name

run() {
    echo "== $*"
    "$@" || status=1
}

for stage in "$@"; do
    case $stage in
    style)
        run "$python" -m ruff check .
        run "$python" -m ruff format --check .
        run cython-lint engine
        ;;
    types) run "$python" -m mypy ;;
    stubs) run "$python" -m mypy.stubtest --mypy-config-file pyproject.toml engine._core ;;
    doctests)
        # __main__ modules act when they are imported.
        run "$python" -m pytest -q --doctest-modules engine --ignore-glob='*/__main__.py'
        ;;
    examples)
        for example in examples/*.py; do
            [ ! -e "$example" ] || run "$python" "$example"
        done
        ;;
    *)
        echo "lint: expected style, types, stubs, doctests or examples, was $stage" >&2
        status=2
        ;;
    esac
done
exit $status
