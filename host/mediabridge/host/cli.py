"""`mediabridge`: argv → settings → act → exit code."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mediabridge.config import Mode, Settings, Warned, load

if TYPE_CHECKING:
    from mediabridge.bridge import Console, Target

log = logging.getLogger("mediabridge.host")

Command = Callable[..., Any]
HERE = Path("mediabridge.toml")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mediabridge", prog_name="mediabridge")
def main() -> None:
    """Put a supervised Python sidecar behind a reverse proxy."""


def where(command: Command) -> Command:
    """Add the options of the host's own address."""
    command = click.option("--port", type=int, help="Port to listen on (PORT, 8080); 0 = any free one.")(command)
    return click.option("--host", help="Address to listen on (HOST, 127.0.0.1).")(command)


def sidecar(command: Command) -> Command:
    """Add the options of the sidecar's address."""
    return click.option(
        "--sidecar-port", "flask_port", type=int, help="Port of the sidecar (FLASK_PORT, 5001); 0 = any free one."
    )(command)


@main.command(context_settings={"ignore_unknown_options": True})
@where
@sidecar
@click.option("--reload/--no-reload", default=True, help="Replace the sidecar when its code changes.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def dev(host: str | None, port: int | None, flask_port: int | None, *, reload: bool, command: tuple[str, ...]) -> None:
    """Development: server and sidecar, verbose. After `--`, your own server's command, run beside them."""
    flags = {"HOST": host, "PORT": port, "FLASK_PORT": flask_port}
    sys.exit(_with_console("development", flags, lambda *given: _serve(*given, reload=reload, command=command)))


@main.command()
@where
@sidecar
def serve(host: str | None, port: int | None, flask_port: int | None) -> None:
    """Production: the same, warnings and errors only, restart on failure."""
    sys.exit(_with_console("production", {"HOST": host, "PORT": port, "FLASK_PORT": flask_port}, _serve))


@main.command()
@sidecar
@click.option("--module", "module_name", help="Run this module instead of our sidecar.")
@click.option("--script", "script_path", help="Run this script instead of our sidecar.")
@click.option("--wsgi", "application", help="Serve this WSGI application (package.module:app) instead.")
@click.option("--health-path", help="Asked until it answers 200.")
@click.option("--cwd", type=click.Path(exists=True, file_okay=False), help="Working folder of the sidecar.")
@click.argument("args", nargs=-1)
def supervise(flask_port: int | None, args: tuple[str, ...], **chosen: str | None) -> None:
    """Supervisor alone, for a host in another language: JSON events on stdout, stops when stdin ends."""
    target = _target(args, **chosen)
    mode: Mode = "production" if os.environ.get("NODE_ENV", "").lower() == "production" else "development"
    sys.exit(
        _with_console(
            mode, {"FLASK_PORT": flask_port}, lambda settings, _, console: _supervise(settings, console, target)
        )
    )


@main.command()
@where
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(host: str | None, port: int | None, *, as_json: bool) -> None:
    """State of a running instance. Exit code 0 ready, 3 not running, 4 running and not ready."""
    from . import ask as asking  # noqa: PLC0415

    settings, _ = load(os.environ, flags={"HOST": host, "PORT": port}, toml=HERE)
    answer = asking.ask(settings.host, settings.port)
    click.echo(asking.as_json(answer) if as_json else asking.in_words(answer))
    sys.exit(asking.exit_code(answer))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
def doctor(*, as_json: bool) -> None:
    """Look for what is missing, and say how to mend it. Exit code 1 when the main job cannot run."""
    from . import doctor as examining  # noqa: PLC0415  commands load what they need

    settings, warnings = load(os.environ, toml=HERE)
    checks = examining.examine(settings)
    if as_json:
        click.echo(json.dumps(examining.as_dicts(checks)))
    else:
        for warning in warnings:
            click.echo(f"warn  {warning}")
        click.echo(examining.in_words(checks))
    sys.exit(0 if examining.healthy(checks) else 1)


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--tier", help="Who looks: free, premium, forensic or enterprise (the default).")
@click.option("--advanced", is_flag=True, help="With hashes, dates, traces, thumbnail, quantisation, credentials.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "ndjson", "table"]),
    default="json",
    show_default=True,
    help="A JSON list in the order of the files, a line for each as it is done, or a table.",
)
def extract(paths: tuple[str, ...], tier: str | None, form: str, *, advanced: bool) -> None:
    """Everything that files say of themselves, without a server. Folders are read with all that is below them.

    Exit code 1 when a file could not be read; standard error says which.
    """
    options = ["--format", form, *(["--tier", tier.lower()] if tier else []), *(["--advanced"] if advanced else [])]
    _become("mediabridge.sidecar.extraction.cli", *options, "--", *paths)


@main.command()
@click.option("--mend", is_flag=True, help="Put damaged originals aside, and delete unfinished ones.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def scrub(*, mend: bool, as_json: bool) -> None:
    """Read all stored originals (FILE_STORAGE_PATH), and compare them with their hashes.

    Exit code 1 when one is not as it was stored.
    """
    _become("mediabridge.sidecar.storage.cli", *(["--mend"] if mend else []), *(["--json"] if as_json else []))


@main.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}, add_help_option=False
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def library(words: tuple[str, ...]) -> None:
    """Media library without a server: import, duplicates, timeline, export; see `mediabridge library --help`."""
    _become("mediabridge.sidecar.library.cli", *(words or ("--help",)))


def _become(module_name: str, *arguments: str) -> NoReturn:
    """Run a module of the sidecar's in this program's place; it is known by its name alone."""
    # -P: the folder with the pictures is no place to take Python modules from.
    command = [sys.executable, "-P", "-m", module_name, *arguments]
    if os.name == "posix":
        os.execv(sys.executable, command)  # noqa: S606  the program becomes the other one, and Ctrl+C is its own
    sys.exit(subprocess.run(command, check=False).returncode)


def _with_console(mode: Mode, flags: Mapping[str, object], act: Callable[[Settings, Mode, Console], int]) -> int:
    from mediabridge.bridge import Console  # noqa: PLC0415  `extract` and `--help` need no bridge

    from . import logs  # noqa: PLC0415

    settings, warnings = load(os.environ, flags=flags, toml=HERE, mode=mode)
    colour = "36" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ""
    console = Console(colour=colour)
    try:
        logs.set_up(console, production=settings.node_env == "production", level=settings.log_level)
        for warning in warnings:
            _warn(warning)
        return act(settings, mode, console)
    finally:
        console.close()


def _warn(warning: Warned) -> None:
    log.warning("%s", warning)


def _serve(
    settings: Settings, mode: Mode, console: Console, *, reload: bool = False, command: tuple[str, ...] = ()
) -> int:
    from .run import run  # noqa: PLC0415  `--help` and `status` need no server

    return run(settings, console, production=mode == "production", reload=reload, command=command)


def _supervise(settings: Settings, console: Console, target: Target) -> int:
    from mediabridge.bridge import BridgeOptions  # noqa: PLC0415

    from .supervise import Supervise  # noqa: PLC0415

    return Supervise(BridgeOptions.from_settings(settings, target=target), console, sys.stdin).run()


def _target(
    args: tuple[str, ...],
    module_name: str | None = None,
    script_path: str | None = None,
    application: str | None = None,
    health_path: str | None = None,
    cwd: str | None = None,
) -> Target:
    from mediabridge.bridge import SIDECAR, module, script, wsgi  # noqa: PLC0415

    if [module_name, script_path, application].count(None) < 2:  # noqa: PLR2004  one of the three at most
        raise click.UsageError("Give one of --module, --script and --wsgi.")
    options: dict[str, object] = {"cwd": cwd}
    if health_path:
        options["health_path"] = health_path
    if module_name:
        return module(module_name, *args, **options)
    if script_path:
        return script(script_path, *args, **options)
    if application:
        return wsgi(application, **options)
    return SIDECAR
