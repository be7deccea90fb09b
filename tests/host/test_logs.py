"""The mode decides how much is said, and in which form."""

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.bridge import Block, BridgeOptions
from mediabridge.config import load
from mediabridge.host import logs

LEVELS = st.sampled_from([logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=80)


class ConsoleDouble:
    """Keeps what would have been written."""

    def __init__(self):
        self.lines = []

    def line(self, text, stream="stderr"):
        self.lines.append(text)

    def raw(self, data, stream):
        self.lines += data.decode().splitlines()


@pytest.fixture(autouse=True)
def loggers_as_before():
    names = ("mediabridge", "uvicorn.error")
    before = {name: (logging.getLogger(name).handlers, logging.getLogger(name).level) for name in names}
    yield
    for name, (handlers, level) in before.items():
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = handlers, True
        logger.setLevel(level)


@settings(max_examples=200, deadline=None)
@given(production=st.booleans(), level=LEVELS, text=TEXTS)
def test_property_the_mode_decides_verbosity_and_form(production, level, text):
    console = ConsoleDouble()
    logs.set_up(console, production=production)
    logging.getLogger("mediabridge.host").log(level, "%s", text)
    shown = level >= (logging.WARNING if production else logging.INFO)
    assert len(console.lines) == shown
    if shown and production:
        entry = json.loads(console.lines[0])
        assert (entry["message"], entry["level"]) == (text, logging.getLevelName(level).lower())
    elif shown:
        assert console.lines[0].startswith("[mediabridge] ")
        assert console.lines[0].endswith(text)


@settings(max_examples=100, deadline=None)
@given(mode=st.sampled_from(["development", "production"]), chosen=st.sampled_from([None, "development", "PRODUCTION"]))
def test_property_the_child_is_told_the_mode_and_its_restart_policy_follows(mode, chosen):
    environ = {} if chosen is None else {"FLASK_ENV": chosen}
    found, warnings = load(environ, mode=mode)
    options = BridgeOptions.from_settings(found)
    assert warnings == ()
    assert options.env["FLASK_ENV"] == (chosen or mode).lower()
    assert options.rules.restart.policy == ("never" if mode == "development" else "on-failure")


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126)), min_size=1, max_size=5))
def test_property_each_line_of_a_child_is_one_json_object_in_production(lines):
    console = ConsoleDouble()
    logs.json_sink(console)(Block("Python", "stderr", "".join(f"{line}\n" for line in lines).encode()))
    entries = [json.loads(line) for line in console.lines]
    assert [entry["message"] for entry in entries] == lines
    assert {(entry["source"], entry["stream"]) for entry in entries} == {("Python", "stderr")}


def test_a_line_of_a_child_that_is_an_event_keeps_its_fields():
    console = ConsoleDouble()
    lines = ['{"event": "process.died", "time": "t", "data": {"how": "x"}}', '{"event": broken', '{"a": 1}', "[" * 9000]
    logs.json_sink(console)(Block("Python", "stderr", "".join(f"{line}\n" for line in lines).encode()))
    event, *others = [json.loads(line) for line in console.lines]
    assert event == {"source": "Python", "stream": "stderr", "event": "process.died", "time": "t", "data": {"how": "x"}}
    assert [entry["message"] for entry in others] == lines[1:]


def test_the_level_may_be_chosen():
    console = ConsoleDouble()
    logs.set_up(console, production=True, level="info")
    logging.getLogger("mediabridge.host").info("heard")
    logs.set_up(console, production=False, level="error")
    logging.getLogger("mediabridge.host").warning("not heard")
    assert [json.loads(line)["message"] for line in console.lines] == ["heard"]
