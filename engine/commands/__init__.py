"""Bodies of the commands in `engine.cli`; each is imported when its command runs.

`--json` puts one object on stdout; everything for people goes to stderr.
"""

from __future__ import annotations

import click

__all__ = ["EXIT_EXTRA", "EXIT_FAILED", "EXIT_INTERRUPTED", "EXIT_RUNS_FAILED", "EXIT_USAGE", "say", "say_error"]

EXIT_FAILED, EXIT_USAGE, EXIT_RUNS_FAILED, EXIT_EXTRA, EXIT_INTERRUPTED = 1, 2, 3, 4, 130


def say(text: str = "") -> None:
    """Say something to people."""
    click.echo(text, err=True)


def say_error(error: Exception) -> None:
    """Say what was wrong, one line for each problem of a scenario."""
    for line in str(error).splitlines():
        say(line)
