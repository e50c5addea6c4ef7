"""Style as a test: floors of the kernels, parity of enums and stubs, forbidden constructs, cited rules.

Every check is a function from texts to a list of problems, so that each can be shown a planted violation; the tests at
the end of a section do that. What is advice (length of files and functions) is printed as a warning and fails nothing.
"""

from __future__ import annotations

import ast
import re
import subprocess
import warnings
from enum import IntEnum, IntFlag
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The floors of engine/native, lowest first: a file cimports only from lines above its own. These are the floors of
# docs/architecture.md, cut finer where neighbours stand on one another: the kernel's savers and checkers walk it all.
FLOORS = [
    "planted types",
    "policy",
    "arith fmath wide",
    "rng slab",
    "idmap bitset columns digest law averages",
    "queue ladder schedule margin lending_math amm_math",
    "orders ledger triggers lineage recorder product_pool stable_pool range_pool",
    "book planted_moves",
    "book_digest meet",
    "match",
    "features market",
    "stops",
    "matcher",
    "batch verify_book",
    "prices account risk amm crowd actions loans pools issuers breaker",
    "pool_price",
    "sources",
    "indexes",
    "marks",
    "state",
    "rows unit published verify_issuers",
    "health loan verify_pools",
    "arming isolated bankruptcy waterfall payment loan_arming margin_sums",
    "allowance running stage ranking",
    "gate verify_margin verify_lending world_extras whatif clearance",
    "settle publish link",
    "funds",
    "samples venue spend loan_clock",
    "mass_quote agent replay ahead opening funding interest lend pool_act transit",
    "loan_liquidation pool_ranges issue route",
    "flash",
    "act",
    "chain loan_check loan_sale",
    "transfer selling holders agents/*",
    "shortfall margin_check",
    "takeover liquidation",
    "adl backstop",
    "kernel",
    "snapshot verify",
]
STRANGERS = [("margin", "book")]  # neither reaches the other, not even through a third file
FOREIGN_CIMPORTS = ("libc", "cython")

# Enums that exist twice: the IntEnum of engine/types.py and the prefix of the C names in engine/native/types.pxd.
ENUM_PREFIXES = {
    "Side": "SIDE_",
    "CommandKind": "KIND_",
    "OrderType": "TYPE_",
    "TimeInForce": "TIF_",
    "RejectReason": "REJECT_",
    "OrderFlag": "FLAG_",
    "SelfTradePrevention": "STP_",
    "MarketState": "STATE_",
    "CancelReason": "CANCEL_",
    "PoolReason": "POOL_",
    "ActionReason": "REFUSED_",
}
ENUM_KERNELS = ("types", "actions")  # where they stand
# Members whose C name has another prefix, and those that stand for another enum's (Z-16: a pool's reasons + 32).
ENUM_RENAMED = {"REFUSED_DONE": "ACTION_DONE"}
POOL_PREFIX, POOL_OFFSET = "POOL_", 32

# Pieced together, so that this file passes its own check.
BANNED_WORDS = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]
BANNED_PATHS = ["/" + name + "/" for name in ("work", "root", "home", "tmp", "opt")]

CODE_SUFFIXES = {".py", ".pyi", ".pyx", ".pxd", ".pxi"}
FILE_LINES_ADVISED = 500
FUNCTION_LINES_ADVISED = 60


# ---- reading ---------------------------------------------------------------------------------------------------------


def project_files() -> list[Path]:
    """List the files that are, or would be, under version control."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        files = [ROOT / name for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        skipped = re.compile(r"^(\.(?!ci/)[^/]*/|build/|dist/|runs/)|__pycache__/|\.egg-info/")
        files = [path for path in ROOT.rglob("*") if not skipped.search(path.relative_to(ROOT).as_posix())]
    return sorted(path for path in files if path.is_file())


def texts(*, suffixes: set[str] | None = None, below: str = "") -> dict[str, str]:
    """Read the project's text files, by their name relative to the root."""
    found = {}
    for path in project_files():
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(below) or (suffixes is not None and path.suffix not in suffixes):
            continue
        try:
            found[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def kernels() -> dict[str, str]:
    """Read the kernels by their module name: `book`, `agents/maker`."""
    found = texts(suffixes={".pxd"}, below="engine/native/")
    named = {name.removeprefix("engine/native/").removesuffix(".pxd"): text for name, text in found.items()}
    return {name: text for name, text in named.items() if not name.endswith("__init__")}


def code_only(text: str) -> str:
    """Blank out comments, strings and verbatim C, keeping every line in its place."""
    pattern = r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*'
    return re.sub(pattern, lambda match: "\n" * match.group().count("\n"), text)


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


# ---- floors ----------------------------------------------------------------------------------------------------------


def floor_of(module: str) -> int | None:
    for floor, names in enumerate(FLOORS):
        if module in names.split() or f"{module.partition('/')[0]}/*" in names.split():
            return floor
    return None


def cimports(text: str) -> list[str]:
    """List the modules that a kernel cimports, by their full dotted names."""
    lines = re.findall(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+cimport|cimport[ \t]+([\w., \t]+))", code_only(text), re.M)
    modules = []
    for source, several in lines:
        modules += [source] if source else [part.split()[0] for part in several.split(",")]
    return modules


def kernel_imports(module_texts: dict[str, str]) -> dict[str, list[str]]:
    prefix = "engine.native."
    return {
        module: [name.removeprefix(prefix).replace(".", "/") for name in cimports(text) if name.startswith(prefix)]
        for module, text in module_texts.items()
    }


def floor_problems(module_texts: dict[str, str]) -> list[str]:
    problems = []
    for module, used in kernel_imports(module_texts).items():
        floor = floor_of(module)
        if floor is None:
            problems.append(f"{module}: on no floor; give it one in FLOORS")
            continue
        for name in used:
            other = floor_of(name)
            if other is None or other >= floor:
                problems.append(f"{module} (floor {floor}) cimports {name} (floor {other})")
    return problems


def stranger_problems(module_texts: dict[str, str]) -> list[str]:
    graph = kernel_imports(module_texts)

    def reach(module: str) -> set[str]:
        seen: set[str] = set()
        pending = [module]
        while pending:
            for name in graph.get(pending.pop(), []):
                if name not in seen:
                    seen.add(name)
                    pending.append(name)
        return seen

    pairs = STRANGERS + [(second, first) for first, second in STRANGERS]
    return [f"{first} reaches {second}" for first, second in pairs if second in reach(first)]


def foreign_import_problems(module_texts: dict[str, str]) -> list[str]:
    """No Python module, and no C module but the C library, below the bindings."""
    problems = []
    for module, text in module_texts.items():
        code = code_only(text)
        if re.search(r"^[ \t]*(import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import\b)", code, re.M):
            problems.append(f"{module}: imports a Python module")
        if "engine.reference" in code:
            problems.append(f"{module}: names the reference twin")
        problems += [
            f"{module}: cimports {name}"
            for name in cimports(text)
            if not name.startswith("engine.native.") and name.partition(".")[0] not in FOREIGN_CIMPORTS
        ]
    return problems


def reference_problems(python_texts: dict[str, str]) -> list[str]:
    """The reference twin shares no logic with the core."""
    problems = []
    for name, text in python_texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [f"{node.module or ''}.{alias.name}" for alias in node.names]
            else:
                continue
            problems += [
                f"{name}:{node.lineno}: imports the core" for module in modules if "_core" in module.split(".")
            ]
    return problems


def test_kernels_stand_only_on_lower_floors():
    assert floor_problems(kernels()) == []


def test_margin_and_book_do_not_know_each_other():
    assert stranger_problems(kernels()) == []


def test_kernels_import_no_python_and_nothing_foreign():
    assert foreign_import_problems(kernels()) == []


def test_reference_does_not_import_the_core():
    files = texts(suffixes={".py"}, below="engine/reference/")
    assert files
    assert reference_problems(files) == []


@pytest.mark.parametrize(
    ("check", "module", "line"),
    [
        (floor_problems, "ladder", "from engine.native.book cimport Book"),  # upwards
        (floor_problems, "orders", "cimport engine.native.ledger"),  # sideways
        (floor_problems, "digest", "from engine.native.agents.maker cimport *"),
        (floor_problems, "misc", ""),  # unknown file
        (floor_problems, "book", "from engine.native.misc cimport *"),  # unknown source
        (foreign_import_problems, "book", "import math"),
        (foreign_import_problems, "book", "    from math import floor"),
        (foreign_import_problems, "book", "from cpython.mem cimport PyMem_Malloc"),
        (foreign_import_problems, "book", "cimport numpy as np"),
        (reference_problems, "engine/reference/book.py", "from engine import _core"),
        (reference_problems, "engine/reference/book.py", "import engine._core as core"),
        (reference_problems, "engine/reference/book.py", "from engine._core import OrderBook"),
    ],
)
def test_planted_import_is_found(check, module, line):
    assert len(check({module: line + "\n"})) == 1


def test_planted_acquaintance_is_found_through_a_third_file():
    planted = {
        "book": "from engine.native.schedule cimport *",
        "schedule": "from engine.native.margin cimport *",
        "margin": "# from engine.native.book cimport *",
    }
    assert stranger_problems(planted) == ["book reaches margin"]


def test_allowed_imports_pass():
    allowed = {"book": "from libc.string cimport memset\nfrom engine.native.ladder cimport *\ncimport cython\n"}
    assert floor_problems(allowed) == []
    assert foreign_import_problems(allowed) == []


# ---- constructs ------------------------------------------------------------------------------------------------------

FORBIDDEN = {
    r"//|%": "bare // or %: call floor_div, ceil_div or trunc_div",
    r"\bcpdef\b": "cpdef",
    r"^[ \t]*DEF\b": "DEF: use an enum",
    r"^[ \t]*(IF|ELIF|ELSE)\b": "IF: use a C macro",
}
DIVIDING_KERNEL = "arith"


def construct_problems(module_texts: dict[str, str]) -> list[str]:
    problems = []
    for module, text in module_texts.items():
        code = code_only(text)
        for pattern, message in FORBIDDEN.items():
            if module == DIVIDING_KERNEL and message.startswith("bare"):
                continue
            problems += [f"{module}:{line_of(code, m.start())}: {message}" for m in re.finditer(pattern, code, re.M)]
        for signature in re.finditer(r"^[ \t]*cdef inline\b[\s\S]*?:[ \t]*$", code, re.M):
            if not re.search(r"\b(noexcept|except)\b", signature.group()):
                problems.append(f"{module}:{line_of(code, signature.start())}: no exception clause")
    return problems


def test_kernels_use_no_forbidden_construct():
    assert construct_problems(kernels()) == []


@pytest.mark.parametrize(
    "line",
    [
        "    return a // b",
        "    return a % b",
        "    a //= 2",
        "cpdef int f(int a) noexcept nogil:",
        "DEF SIZE = 3",
        "IF SIZE == 3:",
        "cdef inline int f(int a) nogil:",
        "cdef inline int f(int a,\n                  int b):",
    ],
)
def test_planted_construct_is_found(line):
    assert len(construct_problems({"book": line + "\n"})) == 1


def test_allowed_constructs_pass():
    allowed = '''
cdef extern from *:
    """
    static int half(int a) { return a / 2 % 7; } // C
    """
    int half(int a) noexcept nogil
# a comment with a // b and 5 %
cdef inline int f(int a,
                  int b) noexcept nogil:
    """Round 5 % down."""
    return 1 if a else 0
cdef inline int g() except -1:
    return 0
'''
    assert construct_problems({"book": allowed}) == []
    assert construct_problems({"arith": "    return a // b\n"}) == []


# ---- parity ----------------------------------------------------------------------------------------------------------


def native_enums(text: str) -> dict[str, dict[str, int]]:
    """Parse the named `cdef enum` blocks of a kernel."""
    enums: dict[str, dict[str, int]] = {}
    for name, block in re.findall(r"^cdef enum (\w+):[ \t]*\n((?:[ \t]+[^\n]*\n|[ \t]*\n)*)", code_only(text), re.M):
        enums[name] = {key: int(value, 0) for key, value in re.findall(r"(\w+)[ \t]*=[ \t]*(-?\w+)", block)}
    return enums


def native_members(name: str, prefix: str, python: type[IntEnum | IntFlag]) -> dict[str, int]:
    """Return an enum's members as the kernel calls them."""
    members = {key: member.value for key, member in python.__members__.items()}
    if name == "ActionReason":
        members = {key: value for key, value in members.items() if not key.startswith(POOL_PREFIX)}
    named = {prefix + key: value for key, value in members.items()}
    return {ENUM_RENAMED.get(key, key): value for key, value in named.items()}


def enum_problems(native: dict[str, dict[str, int]], python: dict[str, type[IntEnum | IntFlag]]) -> list[str]:
    problems = [f"{name}: an IntEnum without a row in ENUM_PREFIXES" for name in python if name not in ENUM_PREFIXES]
    for name, prefix in ENUM_PREFIXES.items():
        if name not in native or name not in python:
            problems.append(f"{name}: expected in native and Python")
            continue
        expected = native_members(name, prefix, python[name])
        if native[name] != expected:
            different = sorted(set(native[name].items()) ^ set(expected.items()))
            problems.append(f"{name}: native and Python differ in {different}")
    return problems


def python_enums() -> dict[str, type[IntEnum | IntFlag]]:
    import engine.types

    classes = {name: value for name, value in vars(engine.types).items() if isinstance(value, type)}
    return {
        name: value for name, value in classes.items() if issubclass(value, (IntEnum, IntFlag)) and value.__members__
    }


def test_native_and_python_enums_agree():
    files = kernels()
    assert enum_problems(native_enums("".join(files[name] for name in ENUM_KERNELS)), python_enums()) == []


def test_an_action_is_refused_for_a_pools_reasons_too():
    from engine.types import ActionReason, PoolReason

    pools = {key: int(member) for key, member in ActionReason.__members__.items() if key.startswith(POOL_PREFIX)}
    assert pools == {f"{POOL_PREFIX}{each.name}": each + POOL_OFFSET for each in PoolReason if each}


def test_planted_enum_difference_is_found():
    python = python_enums()
    native = {name: native_members(name, prefix, python[name]) for name, prefix in ENUM_PREFIXES.items()}
    assert enum_problems(native, python) == []
    native["Side"]["SIDE_SELL"] = 0
    assert len(enum_problems(native, python)) == 1


def public_names(stub: str) -> set[str]:
    """List what a stub declares at its top level."""
    names: set[str] = set()
    for node in ast.parse(stub).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def core_names(core: ModuleType) -> set[str]:
    """List what the core defines itself; what it imported belongs to another module."""
    return {
        name
        for name, value in vars(core).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", core.__name__) == core.__name__
    }


def test_stub_and_core_have_the_same_public_names():
    from engine import _core

    assert public_names((ROOT / "engine" / "_core.pyi").read_text()) == core_names(_core)


# ---- words and rules -------------------------------------------------------------------------------------------------


def word_problems(file_texts: dict[str, str]) -> list[str]:
    words = "|".join(rf"\b{word}\b" for word in BANNED_WORDS)
    # A path counts where it starts: not within a longer path or an address.
    paths = "|".join(rf"(?<![\w.}}~-]){path}" for path in BANNED_PATHS)
    pattern = re.compile(f"{words}|{paths}")
    return [
        f"{name}:{line_of(text, match.start())}: {match.group()}"
        for name, text in file_texts.items()
        for match in pattern.finditer(text)
    ]


def cited_rules(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])[A-Z]-[0-9]+\b", text))


def rule_problems(file_texts: dict[str, str], rules: str) -> list[str]:
    known = set(re.findall(r"\*\*([A-Z]-[0-9]+)\*\*", rules))
    return [f"{name}: {rule}" for name, text in file_texts.items() for rule in sorted(cited_rules(text) - known)]


def test_no_banned_words():
    assert word_problems(texts()) == []


@pytest.mark.parametrize("word", [*BANNED_WORDS, *(f'"{path}data"' for path in BANNED_PATHS)])
def test_planted_word_is_found(word):
    assert len(word_problems({"a.py": f"first line\nx = 1  # {word}\n"})) == 1


def test_cited_rules_exist():
    assert rule_problems(texts(suffixes=CODE_SUFFIXES), (ROOT / "docs" / "rules.md").read_text()) == []


def test_planted_rule_is_found():
    unknown = "M" + "-99"
    rules = "- **M-3** price-time"
    text = f"# M-3 and {unknown}: price-time. UTF-8, SHA-256 and 1E-7 are no rules.\n"
    assert rule_problems({"a.pxd": text}, rules) == [f"a.pxd: {unknown}"]


# ---- advice ----------------------------------------------------------------------------------------------------------


def function_lengths(name: str, text: str) -> list[tuple[str, int]]:
    """Measure the functions of a file, in lines from the signature to the last line of the body."""
    if name.endswith((".py", ".pyi")):
        nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        return [(node.name, (node.end_lineno or node.lineno) - node.lineno + 1) for node in nodes]
    lengths = []
    pattern = r"^([ \t]*)(?:cdef|def)\b[^\n=]*?(\w+)\([^\n]*(?:\n(?:\1[ \t]+[^\n]*|[ \t]*(?=\n)))*"
    for match in re.finditer(pattern, text, re.M):
        lengths.append((match.group(2), match.group().rstrip().count("\n") + 1))
    return lengths


def test_length_is_advised():
    advice = []
    for name, text in texts(suffixes=CODE_SUFFIXES).items():
        lines = text.count("\n")
        if lines > FILE_LINES_ADVISED:
            advice.append(f"{name}: {lines} lines (advised: {FILE_LINES_ADVISED})")
        advice += [
            f"{name}: {function} has {length} lines (advised: {FUNCTION_LINES_ADVISED})"
            for function, length in function_lengths(name, text)
            if length > FUNCTION_LINES_ADVISED
        ]
    if advice:
        warnings.warn("tidy advice:\n  " + "\n  ".join(advice), stacklevel=1)


@pytest.mark.parametrize("name", ["a.py", "a.pxd"])
def test_length_of_functions_is_measured(name):
    text = "def first(a):\n" + "    a = 1\n\n" * 40 + "\ndef second(a):\n    return a\n"
    assert function_lengths(name, text) == [("first", 80), ("second", 2)]
