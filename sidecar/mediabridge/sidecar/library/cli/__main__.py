"""`python -m mediabridge.sidecar.library.cli WORD …`: what `mediabridge library` runs.

Exit code 0: all was done; 1: some of it was not, and stderr says what; 2: wrong usage; 130, 143: ended by a signal.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

import click

from mediabridge.config import load
from mediabridge.sidecar import logs, requestid
from mediabridge.sidecar.exports import export_parts
from mediabridge.sidecar.faults import URL, Fault, InvalidRequest
from mediabridge.sidecar.imports import tools
from mediabridge.sidecar.jobs.place import folder_of
from mediabridge.sidecar.processing import build_processing

from .kit import Kit

WORDS = {
    "duplicates": ("looking:duplicates", "Groups of duplicates, with the file to keep and why."),
    "export": ("exporting:export", "Copies of the library's files in one ordered folder."),
    "import": ("importing:import_paths", "Folders and files become files of the library."),
    "timeline": ("looking:timeline", "How many files there are of each month."),
}
_SIGNALLED, _USAGE = 128, 2


class _Words(click.Group):
    """Each word's module is loaded when it is asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """All words."""
        return sorted(WORDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a word."""
        if cmd_name not in WORDS:
            return None
        module, _, function = WORDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f".{module}", __package__), function)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Their help, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(word, told) for word, (_, told) in sorted(WORDS.items())])


@click.group(cls=_Words, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def library(ctx: click.Context) -> None:
    """The media library, without a server."""
    settings, warnings = load(os.environ, toml=Path("mediabridge.toml"), mode="production")
    logs.configure("production", level=settings.log_level, human=True)
    for warned in warnings:
        click.echo(str(warned), err=True)
    requestid.current.set(requestid.make())
    processing = build_processing(settings)
    ctx.call_on_close(processing.close_processing)
    ctx.obj = Kit(
        processing,
        partial(export_parts, settings, processing),
        partial(tools, settings, processing),
        folder_of(settings.instance_path),
    )


def main() -> int:
    """Do what the command line says; gives the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        library(prog_name="mediabridge library")
    except Fault as problem:
        more = "" if URL in problem.suggestion else f" {problem.suggestion}"  # what to send to a server is no help here
        click.echo(logs.clean(f"{problem.message}{more}"), err=True)
        return _USAGE if isinstance(problem, InvalidRequest) else 1
    return 0


def _stop(number: int, _frame: object) -> None:
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_DFL)  # a second one ends the program at once
    sys.exit(_SIGNALLED + number)


if __name__ == "__main__":
    sys.exit(main())
