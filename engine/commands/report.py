"""Body of `firesale report`: a scenario, or what a run folder holds, is run again and its page written.

The same scenario, seed and version give the same bytes, so a folder's page needs no table of it: the digest in its
`run.json` says whether this run is that one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.commands import EXIT_EXTRA, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, say, say_error
from engine.commands.scenario import WHOLE, folder_name, open_scenario
from engine.errors import AgentError, InputError, InvariantError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.commands.generated import Shape
    from engine.run import RunResult

__all__ = ["Wish", "report"]


@dataclass(frozen=True)
class Wish:
    """What the command line asks of a page."""

    source: str
    seed: int | None = None
    settings: tuple[str, ...] = ()
    shape: Shape = WHOLE
    part: str | None = None
    markets: tuple[str, ...] = ()
    landmark: int | None = None
    out: Path | None = None

    @property
    def folder(self) -> Path | None:
        """The run folder, if the source is one."""
        path = Path(self.source)
        return path if (path / "run.json").is_file() else None

    @property
    def file(self) -> Path:
        """Where the page goes."""
        if self.out is not None:
            return self.out
        return Path(f"{folder_name(self.source)}.html") if self.folder is None else self.folder / "report.html"


def report(wish: Wish) -> int:
    """Run and write the page; returns the exit code."""
    from engine.report import is_installed

    if not is_installed():
        say("the report needs what is not installed: pip install 'firesale[report]'")
        return EXIT_EXTRA
    try:
        return _write(wish)
    except (InputError, AgentError) as error:
        say_error(error)
        return EXIT_USAGE
    except OSError as error:
        say(f"out: expected a file that can be written, was {wish.file}: {error}")
        return EXIT_USAGE
    except InvariantError as error:
        say(str(error))
        return EXIT_FAILED
    except KeyboardInterrupt:
        say("interrupted; nothing is written")
        return EXIT_INTERRUPTED


def _write(wish: Wish) -> int:
    from engine.report import write
    from engine.run import carry_out

    result, digest = _result(wish)
    carry_out(result, progress=lambda part: say(f"running {part}"))
    if digest is not None and result.digest != digest:
        say(f"digest: expected {digest} as in run.json, was {result.digest}: another version made that folder")
        return EXIT_FAILED
    told = result.timeline_part if wish.part is None else wish.part
    write(wish.file, result[told], result, markets=wish.markets or None, landmark=wish.landmark)
    say(f"report: {wish.file}")
    say(f"digest {result.digest}")
    return 0


def _result(wish: Wish) -> tuple[RunResult, str | None]:
    """Return an empty result, and the digest that it must come to."""
    from engine.commands.run import Wish as RunWish
    from engine.run import new_result

    if wish.folder is None:
        scenario = open_scenario(wish.source, wish.settings, wish.seed, wish.shape)
        result = new_result(scenario, parts=_with(wish.part, scenario.parts))
        result.command = RunWish(wish.source, seed=wish.seed, settings=wish.settings, shape=wish.shape).command
        return result, None
    if wish.settings or wish.seed is not None or wish.shape != WHOLE:
        raise InputError(
            "source",
            "a scenario, where --set, --seed, --scale, --off or --parameter is given",
            f"the run folder {wish.source}",
        )
    told = json.loads((wish.folder / "run.json").read_text(encoding="utf-8"))
    file = wish.folder / "scenario.toml"
    if told.get("interrupted") or not file.is_file():
        raise InputError("source", "the folder of a whole run with its scenario.toml", wish.source)
    result = new_result(open_scenario(str(file)), parts=list(told["figures"]))
    result.command = RunWish(str(file), variants=tuple(told["figures"])).command
    return result, told["digest"]


def _with(part: str | None, parts: Sequence[str]) -> list[str] | None:
    """Return the parts to run so that the one that is asked for is among them; None: the scenario's own."""
    return None if part is None or part in parts else [*parts, part]
