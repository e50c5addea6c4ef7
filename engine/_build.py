"""Say which sources a compiled core was built from, and refuse one that no longer matches them.

Stands on the standard library only. `setup.py` loads this file *by its path* (never through the package, which needs
the core that is about to be built), embeds `source_digest()` in the core, and the package calls `check_sources()` with
what the core says. So an edited `.pyx` or `.pxd` that was not rebuilt is noticed at import, in a checkout; an installed
wheel has nothing to compare and the check costs one failed `stat`.
"""

from __future__ import annotations

import hashlib
import os

__all__ = ["VERSION", "check_sources", "source_digest", "source_names"]

VERSION = "0.1.0"
"""The one place of the version: `pyproject.toml` reads it from here, unexecuted."""

SKIP_VARIABLE = "FIRESALE_SKIP_SOURCE_CHECK"
REBUILD_COMMAND = "make build"

_SOURCE_SUFFIXES = (".pyx", ".pxd", ".pxi", ".h")
_SOURCE_FOLDERS = ("native", "bindings")  # below engine/, with all their folders
_PACKAGE_FOLDER = os.path.dirname(os.path.abspath(__file__))


def source_names(root: str) -> list[str]:
    """List the sources of the core below `root`, sorted, with `/` between folders.

    Parameters
    ----------
    root : str
        Folder that holds `setup.py` and the package folder `engine`.

    Returns
    -------
    list of str
        Names relative to `root`: what lies directly in `engine/`, and everything below `engine/native/` and
        `engine/bindings/`.
    """
    names = []
    pending = ["engine"]
    while pending:
        folder = pending.pop()
        try:
            entries = list(os.scandir(os.path.join(root, folder)))
        except FileNotFoundError:
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}"
            if entry.name.endswith(_SOURCE_SUFFIXES):
                names.append(name)
            elif entry.is_dir() and (folder != "engine" or entry.name in ("native", "bindings")):
                pending.append(name)
    return sorted(names)


def source_digest(root: str) -> str:
    """Compute the SHA-256 of the core's sources, names and contents, as 64 hexadecimal digits.

    Parameters
    ----------
    root : str
        Folder that holds `setup.py` and the package folder `engine`.

    Returns
    -------
    str
        The digest; a renamed file changes it as an edited one does.
    """
    digest = hashlib.sha256()
    for name in source_names(root):
        with open(os.path.join(root, name), "rb") as file:
            content = file.read()
        # The length keeps two files from being mistaken for one longer file.
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def check_sources(core_digest: str, *, root: str | None = None) -> None:
    """Refuse a core that was built from other sources than those that lie beside it.

    Does nothing where the sources are not there (an installed wheel) or when the environment variable
    `FIRESALE_SKIP_SOURCE_CHECK` is 1.

    Parameters
    ----------
    core_digest : str
        What `engine._core.source_digest()` returns.
    root : str, optional
        The checkout; by default the folder above this package.

    Raises
    ------
    ImportError
        If the sources changed since the core was built; the message names the command that rebuilds.
    """
    if root is None:
        root = os.path.dirname(_PACKAGE_FOLDER)
    is_checkout = os.path.exists(f"{root}/setup.py") and os.path.exists(f"{root}/engine/_core.pyx")
    if not is_checkout or os.environ.get(SKIP_VARIABLE) == "1":
        return
    digest = source_digest(root)
    if digest != core_digest:
        raise ImportError(
            f"engine._core was built from other sources than those in {root}: "
            f"expected digest {digest[:12]}, was {core_digest[:12]}. "
            f"Run `{REBUILD_COMMAND}` there, or set {SKIP_VARIABLE}=1 to use the old core all the same."
        )
