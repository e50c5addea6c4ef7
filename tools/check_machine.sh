#!/bin/sh
# Check that this machine can build the core, and name the package to install when it cannot.
# Usage: tools/check_machine.sh PYTHON. Needs nothing but a shell; the names are Debian's.
set -u
python=$1

fail() {
    echo "firesale: $1" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 ||
    fail "$python not found: install the package python3 (3.11 or later), or name one: make PYTHON=/usr/bin/python3.12"

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "expected Python 3.11 or later, was $("$python" -V 2>&1): install one and name it: make PYTHON=/usr/bin/python3.12"

"$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
    fail "$python has no module venv or ensurepip: install the package python3-venv"

"$python" -c '
import os, sys, sysconfig
sys.exit(not os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    fail "Python.h of $python not found: install the package python3-dev"

command -v "${CC:-gcc}" >/dev/null 2>&1 ||
    fail "no C compiler (${CC:-gcc}): install the package gcc"

echo '#include <stdint.h>
#include <stdlib.h>
int main(void) { return 0; }' | "${CC:-gcc}" -x c -fsyntax-only - >/dev/null 2>&1 ||
    fail "the C compiler finds no standard headers: install the package libc6-dev"
