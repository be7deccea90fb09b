"""What the README promises is what is there."""

import importlib.util
import re
from pathlib import Path

from click.testing import CliRunner

from mediabridge.host.app import PROXIED
from mediabridge.host.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_settings_are_those_of_the_code():
    spec = importlib.util.spec_from_file_location("settings_table", ROOT / "scripts" / "settings_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.table() in README


def test_every_command_is_in_the_readme():
    for name in main.commands:
        assert f"`mediabridge {name}" in README, name


def test_every_proxied_route_is_in_the_readme():
    for route in PROXIED:
        assert route in README


def test_every_link_leads_somewhere():
    for page in (ROOT / "README.md", *ROOT.glob("*/README.md"), *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_help_names_every_command():
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name in ("dev", "serve", "supervise", "status", "doctor"):
        assert name in result.output
