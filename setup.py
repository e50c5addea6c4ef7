"""Build the one compiled module, `engine._core`. Metadata lives in `pyproject.toml`; this file knows how to compile.

Switches, each on when its variable is 1 (they combine):

- FIRESALE_DEBUG      `ENGINE_DEBUG=1`: walking checks after each command, assertions of C and Cython, bounds checks
- FIRESALE_FAULTS     `ENGINE_FAULTS=1`: the planted faults of `engine/native/planted.pxd` (run with `make faults`)
- FIRESALE_SANITIZE   AddressSanitizer and UndefinedBehaviorSanitizer (run with `tools/sanitized.sh`)
- FIRESALE_TRACE      Cython line tracing, for coverage of the binding
- FIRESALE_NATIVE     -march=native; the digests of runs stay the same
- FIRESALE_ANNOTATE   also write the page that shows which lines touch Python, to `build/annotate/`
- FIRESALE_WERROR     C warnings are errors (continuous integration)
- FIRESALE_NO_CORE    install the Python files only; `make` does this and then builds in place, once

Each combination has its own folder under `build/`, so changing between release and debug compiles nothing twice;
whatever was built last is what lies in `engine/`. Reasons: `docs/decisions/0001-one-extension-and-flags.md`.
"""

import filecmp
import importlib.util
import os
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent


def is_on(switch: str) -> bool:
    return os.environ.get(f"FIRESALE_{switch}", "") not in ("", "0")


DEBUG, FAULTS, SANITIZE, TRACE, NATIVE = (is_on(name) for name in ("DEBUG", "FAULTS", "SANITIZE", "TRACE", "NATIVE"))
MODES = {"debug": DEBUG, "faults": FAULTS, "asan": SANITIZE, "trace": TRACE, "native": NATIVE}
MODE = "-".join(name for name, on in MODES.items() if on)
BUILD_FOLDER = Path("build", MODE or "release")  # relative: no path of this machine gets into the binary

# The one table of directives. They hold for every `.pyx` and `.pxd`; a line at the top of a file would not reach the
# inline functions of other files, so no file has one.
COMPILER_DIRECTIVES = {
    "language_level": 3,
    "binding": True,  # functions have signatures that `inspect` reads
    "embedsignature": True,
    "embedsignature.format": "python",
    "cdivision": True,  # in debug too: a division must mean the same in both; kernels call floor_div and ceil_div
    "wraparound": False,
    "overflowcheck": False,  # checked by name where it matters (arith.pxd); hashes wrap on purpose
    "boundscheck": DEBUG,
    "initializedcheck": DEBUG,
    "nonecheck": DEBUG,
    "auto_pickle": False,  # state has its own save and load
    "legacy_implicit_noexcept": False,
    "show_performance_hints": True,  # says when an exception check was forgotten on a function without the GIL
    "profile": TRACE,
    "linetrace": TRACE,
}

# Let gcc inline whole kernels into their loops: its default limit leaves a call and a spilled command struct in the
# hottest path of the matcher (measured: docs/decisions/0001-one-extension-and-flags.md).
INLINING = [
    "--param",
    "max-inline-insns-single=3000",
    "--param",
    "large-function-insns=30000",
    "--param",
    "inline-unit-growth=400",
]

# Cython counts unsigned loops with a signed bound, and declares variables of the types that say how a function is
# compiled (types.pxd), where the attribute means nothing.
WARNINGS = ["-Wall", "-Wextra", "-Wno-sign-compare", "-Wno-attributes"]
if SANITIZE:
    # Python's own flags bring -fwrapv, under which no signed overflow is reported.
    SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
    OPTIMISATION = ["-O1", "-g", "-UNDEBUG", "-fno-wrapv", *SANITIZERS]
    LINK = ["-fsanitize=address,undefined"]
elif DEBUG:
    OPTIMISATION, LINK = ["-O1", "-g", "-UNDEBUG", "-fwrapv"], []
else:
    OPTIMISATION, LINK = ["-O3", "-g0", "-fwrapv", *INLINING], []
    WARNINGS.append("-Wno-unused-variable")  # a removed assertion leaves the temporaries it was computed in
if FAULTS:
    WARNINGS.append("-Wno-maybe-uninitialized")  # a planted slip opens ways through a function that gcc warns of
if NATIVE:
    OPTIMISATION.append("-march=native")
# No fused multiply-add and nothing of fast-math: the same bytes from every compiler and processor.
FLAGS = [*OPTIMISATION, "-ffp-contract=off"]

BUILD_HEADER = """\
/* Written by setup.py and included before everything else. A changed line here compiles the core again. */
#define ENGINE_SOURCE_DIGEST "{digest}"
#define ENGINE_BUILD_FLAGS "{mode} {flags}"
#define ENGINE_DEBUG {debug}
#define ENGINE_FAULTS {faults}
{assertions}
/* {configuration} */
"""


def load_build_module():
    """Load `engine/_build.py` by path: importing the package would need the core."""
    spec = importlib.util.spec_from_file_location("_firesale_build", ROOT / "engine" / "_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_build_header(path: Path, digest: str) -> None:
    """Write the header that carries digest and flags, only when something in it changed.

    It stands for everything that setuptools and Cython do not look at: their rebuild rules compare times of files, not
    directives, macros, flags or versions.
    """
    import Cython

    text = BUILD_HEADER.format(
        digest=digest,
        mode=MODE or "release",
        flags=" ".join(FLAGS),
        debug=int(DEBUG),
        faults=int(FAULTS),
        assertions="" if DEBUG or SANITIZE else "#define CYTHON_WITHOUT_ASSERTIONS 1",
        configuration=f"Cython {Cython.__version__}; {sorted(COMPILER_DIRECTIVES.items())}",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


class BuildCore(build_ext):
    """Translate and compile the core in the folder of its mode, and install in place what was built last."""

    def build_extension(self, ext):
        from Cython.Build import cythonize

        os.chdir(ROOT)
        build_module = load_build_module()
        header = BUILD_FOLDER / "engine_build.h"
        write_build_header(header, build_module.source_digest(str(ROOT)))

        source = ext.sources[0]
        translated = BUILD_FOLDER / Path(source).with_suffix(".c")
        is_stale = not translated.exists() or translated.stat().st_mtime < header.stat().st_mtime
        if is_on("ANNOTATE"):
            cythonize(
                source, build_dir="build/annotate", annotate=True, force=True, compiler_directives=COMPILER_DIRECTIVES
            )
            print(f"annotated page: {Path('build/annotate', source).with_suffix('.html')}")
        force = is_stale or bool(self.force)
        cythonize(source, build_dir=str(BUILD_FOLDER), force=force, compiler_directives=COMPILER_DIRECTIVES)

        ext.sources = [str(translated)]
        ext.depends = [str(header), str(translated), "setup.py", *build_module.source_names(str(ROOT))]
        ext.extra_compile_args = ["-include", str(header), *WARNINGS, *FLAGS]
        if is_on("WERROR"):
            ext.extra_compile_args.append("-Werror")
        ext.extra_link_args = LINK
        super().build_extension(ext)

    def copy_extensions_to_source(self):
        # distutils copies only what is newer; a cached release build is older than the debug build in its place.
        for ext in self.extensions:
            built = Path(self.build_lib, self.get_ext_filename(ext.name))
            in_place = ROOT / self.get_ext_filename(ext.name)
            if built.exists() and in_place.exists() and not filecmp.cmp(built, in_place, shallow=False):
                in_place.unlink()
        super().copy_extensions_to_source()


macros = [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1")] if TRACE else []
core = Extension("engine._core", ["engine/_core.pyx"], define_macros=macros)

setup(
    ext_modules=[] if is_on("NO_CORE") else [core],
    cmdclass={"build_ext": BuildCore},
    options={"build": {"build_base": str(BUILD_FOLDER)}},
)
