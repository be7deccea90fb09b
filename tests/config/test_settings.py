"""The settings: any mix of what is missing, valid and invalid gives a full configuration."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Literal, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.config import TABLE, Mode, Setting, Settings, Warned, load, values
from mediabridge.config.settings import _shown

HINTS = get_type_hints(Settings)
ROWS = {row.name: row for row in TABLE}
PATHS = st.text(st.characters(categories=["L", "N"], include_characters="/._-: "), min_size=1, max_size=12)
BLANK = st.sampled_from(["", " ", "\t"])
NUMBERS = st.sampled_from(["1", "7", "60", " 42 ", "007"])  # within the bounds of every row
NO_NUMBERS = st.sampled_from(["x", "1.5", "1e3", "0x10", "-1", "+1", "١٢", "9" * 30, "9" * 5000, "1 000", "true"])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", " Asia/Kathmandu "])
NO_ZONES = st.sampled_from(["Europe", "Europe/Nowhere", "../UTC", "CEST+1", "a\nb"])
DATABASES = st.sampled_from(["sqlite:////data/library.db", "postgresql://me:secret@db/photos"])
NO_DATABASES = st.sampled_from(["mysql://db/photos", "sqlite://", "/data/library.db"])
NO_TEXTS = st.sampled_from(["a\x00b", "a\nb", "\x1b[31mred", "a\u2028b"])
MODES: st.SearchStrategy[Mode] = st.sampled_from(["development", "production"])

# CONTRACT §2: the defaults that are promised; (under dev, under serve) where they differ.
CONTRACT: Mapping[str, object] = {
    "HOST": "127.0.0.1",
    "PORT": 8080,
    "FLASK_HOST": "127.0.0.1",
    "FLASK_PORT": 5001,
    "FLASK_SOCKET": None,
    "FLASK_HEALTH_TIMEOUT": 10_000,
    "FLASK_HEALTH_INTERVAL": 500,
    "FLASK_HEALTH_MAX_RETRIES": 10,
    "FLASK_SHUTDOWN_TIMEOUT": 5_000,
    "PYTHON_PATH": None,
    "NODE_ENV": ("development", "production"),
    "FLASK_ENV": ("development", "production"),
    "SIDECAR_RESTART": ("never", "on-failure"),
    "SIDECAR_REPLICAS": 1,
    "SIDECAR_MEMORY_LIMIT_MB": 1280,
    "EXIFTOOL_PATH": None,
    "FFMPEG_PATH": None,
    "TESSERACT_PATH": None,
    "EXTRACT_TIMEOUT": 180,
    "EXTRACT_HEALTH_TIMEOUT": 10,
    "IMPORT_ROOTS": None,
    "CACHE_PROFILE": ("development", "staging"),
    "TIMEZONE": None,
    "SECRET_KEY": None,
}


def words(row: Setting) -> tuple[str, ...]:
    """The words of a row that takes one of several; none for the others."""
    hint = HINTS[row.field]
    return get_args(hint) if getattr(hint, "__origin__", None) is Literal else ()


def default(row: Setting, mode: Mode) -> object:
    return row.default_serve if mode == "production" and row.default_serve is not ... else row.default


def valid(row: Setting) -> st.SearchStrategy[str]:
    if words(row):
        return st.sampled_from([spelt for word in words(row) for spelt in (word, word.upper(), f" {word}")])
    if row.parse is values.zone:
        return ZONES
    if row.parse is values.database:
        return DATABASES
    return NUMBERS if HINTS[row.field] is int else PATHS.filter(str.strip)


def invalid(row: Setting) -> st.SearchStrategy[str]:
    if words(row):
        return st.sampled_from(["prod", "sometimes", "on failure", "0"])
    if row.parse is values.zone:
        return NO_ZONES
    if row.parse is values.database:
        return NO_DATABASES
    return NO_NUMBERS if HINTS[row.field] is int else NO_TEXTS


def value(row: Setting, raw: str) -> object:
    """What a valid text means, told by the type of the field."""
    if words(row):
        return raw.strip().lower()
    return int(raw) if HINTS[row.field] is int else raw.strip()


Given = tuple[str, str]  # how it is (valid, invalid, blank), and its text


@st.composite
def sources(draw: st.DrawFn) -> list[dict[str, Given]]:
    """For flags, environment and file: some of the variables, each valid, invalid or blank."""
    made: list[dict[str, Given]] = [{}, {}, {}]
    for row in draw(st.lists(st.sampled_from(TABLE), unique=True)):
        kinds = {"valid": valid(row), "invalid": invalid(row), "blank": BLANK}
        for source in draw(st.lists(st.sampled_from(made), max_size=3)):
            kind = draw(st.sampled_from(sorted(kinds)))
            source[row.name] = (kind, draw(kinds[kind]))
    return made


def texts(source: Mapping[str, Given]) -> dict[str, str]:
    return {name: text for name, (_, text) in source.items()}


@settings(max_examples=500, deadline=None)
@given(sources(), MODES)
def test_property_any_mix_gives_a_full_configuration_and_one_warning_per_invalid_one(
    given_: list[dict[str, Given]], mode: Mode
) -> None:
    """Flag before environment before file before default; what is invalid takes the default."""
    flags, environ, file = given_
    with tempfile.TemporaryDirectory() as folder:
        toml = Path(folder, "mediabridge.toml")
        lines = [f"{name.lower()} = {json.dumps(text, ensure_ascii=False)}\n" for name, text in texts(file).items()]
        toml.write_text("".join(lines), encoding="utf-8")
        found, warnings = load(texts(environ), flags=texts(flags), toml=toml, mode=mode)
    bad: dict[str, str] = {}
    for row in TABLE:
        first = next((it for source in given_ if (it := source.get(row.name, ("blank", "")))[0] != "blank"), None)
        if first is not None and first[0] == "invalid":
            bad[row.name] = first[1]
        expected = value(row, first[1]) if first is not None and first[0] == "valid" else default(row, mode)
        assert getattr(found, row.field) == expected
    assert sorted(warning.name for warning in warnings) == sorted(bad)
    for warning in warnings:
        shown = "(hidden)" if ROWS[warning.name].secret else repr(bad[warning.name][:100])[1:-1]
        assert shown in str(warning)
        taken = default(ROWS[warning.name], mode)
        assert (f"; {taken!r} is used" if taken is not None else "; it counts as unset") in str(warning)
    assert_complete(found)


def assert_complete(found: Settings) -> None:
    for field in fields(Settings):
        it, hint = getattr(found, field.name), HINTS[field.name]
        options = get_args(hint) if getattr(hint, "__origin__", None) is Literal else ()
        assert it in options if options else isinstance(it, hint)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(sorted(ROWS)) | st.text(max_size=5), st.text(max_size=20)), MODES)
def test_property_no_environment_raises(environ: dict[str, str], mode: Mode) -> None:
    found, warnings = load(environ, mode=mode)
    assert_complete(found)
    assert len({warning.name for warning in warnings}) == len(warnings)


@settings(max_examples=200, deadline=None)
@given(sources(), MODES)
def test_property_the_settings_survive_the_environment_of_a_child(given_: list[dict[str, Given]], mode: Mode) -> None:
    found, _ = load(texts(given_[1]), flags=texts(given_[0]), mode=mode)
    assert load(found.environ()) == (found, ())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text("[]{}='\"\n#abPORT19", max_size=60).map(str.encode))
def test_property_no_file_raises(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        toml = Path(folder, "mediabridge.toml")
        toml.write_bytes(content)
        found, _ = load({}, toml=toml)
    assert_complete(found)


def loaded(tmp_path: Path, content: str) -> tuple[Settings, list[str]]:
    toml = tmp_path / "mediabridge.toml"
    toml.write_text(content)
    found, warnings = load({}, toml=toml)
    return found, [str(warning) for warning in warnings]


@pytest.mark.parametrize("mode", get_args(Mode))
def test_nothing_given_is_the_defaults(mode: Mode) -> None:
    found, warnings = load({}, mode=mode)
    assert {row.name: getattr(found, row.field) for row in TABLE} == {row.name: default(row, mode) for row in TABLE}
    assert warnings == ()


@pytest.mark.parametrize("name", sorted(set(CONTRACT) & set(ROWS)))
def test_the_default_is_the_contract_s(name: str) -> None:
    promised, row = CONTRACT[name], ROWS[name]
    dev, serve = promised if isinstance(promised, tuple) else (promised, promised)
    assert (default(row, "development"), default(row, "production")) == (dev, serve)


def test_every_row_has_its_field_and_every_field_its_row() -> None:
    assert [row.field for row in TABLE] == [field.name for field in fields(Settings)]


def test_every_row_says_what_it_means() -> None:
    assert all(row.meaning for row in TABLE)
    assert len(ROWS) == len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_default_is_valid_itself(row: Setting) -> None:
    for it in (row.default, row.default_serve):
        assert it in (None, ...) or row.parse(str(it)) == it


def test_a_flag_that_was_not_given_leaves_the_environment_in_force() -> None:
    assert load({"PORT": "81"}, flags={"PORT": None})[0].port == 81


def test_a_flag_may_be_a_number() -> None:
    assert load({"PORT": "81"}, flags={"PORT": 82})[0].port == 82


@pytest.mark.parametrize("text", ["PORT = 81", "port = 81", 'port = "81"'])
def test_a_file_may_write_a_number_and_its_name_in_any_way(tmp_path: Path, text: str) -> None:
    found, warnings = loaded(tmp_path, text)
    assert (found.port, warnings) == (81, [])


def test_a_file_that_is_missing_is_no_fault(tmp_path: Path) -> None:
    assert load({}, toml=tmp_path / "none.toml") == load({})


@pytest.mark.parametrize("content", ["port = ", "port 81", "[", "a = " + "[" * 10_000])
def test_a_broken_file_is_one_warning_and_the_defaults(tmp_path: Path, content: str) -> None:
    found, warnings = loaded(tmp_path, content)
    assert found == load({})[0]
    assert len(warnings) == 1
    assert "the file cannot be read" in warnings[0]


def test_a_folder_in_its_place_is_one_warning(tmp_path: Path) -> None:
    _, warnings = load({}, toml=tmp_path)
    assert ["Is a directory" in str(warning) for warning in warnings] == [True]


def test_a_name_that_is_none_is_told(tmp_path: Path) -> None:
    _, warnings = loaded(tmp_path, "prot = 81\nport = 82\n")
    assert warnings == ["prot='(hidden)' is ignored: mediabridge.toml has no such setting"]


@pytest.mark.parametrize("text", ["port = [81]", "port = {a = 1}", "port = 2026-01-01", "[port]\nnumber = 1"])
def test_a_value_of_the_wrong_kind_is_told(tmp_path: Path, text: str) -> None:
    found, warnings = loaded(tmp_path, text)
    assert found.port == 8080
    assert len(warnings) == 1
    assert "it is not a text or a number" in warnings[0]


SECRET = "hunter2"
LEAKS = [f"session_secret = '{SECRET}'", f"[db]\npassword = '{SECRET}'", f"token = ['{SECRET}']"]


@pytest.mark.parametrize("text", LEAKS)
def test_a_secret_under_an_unknown_name_is_not_shown(tmp_path: Path, text: str) -> None:
    _, warnings = loaded(tmp_path, text)
    assert warnings
    assert SECRET not in "".join(warnings)


@settings(max_examples=100)
@given(st.sampled_from(TABLE), st.text(min_size=1, max_size=300))
def test_property_the_value_of_a_secret_is_not_shown(row: Setting, raw: str) -> None:
    assert _shown(replace(row, secret=True), raw) == "(hidden)"


def test_a_long_value_is_shown_in_part() -> None:
    _, (warning,) = load({"PORT": "x" * 10_000})
    assert len(str(warning)) < 250


def test_a_warning_is_one_sentence() -> None:
    _, (warning,) = load({"FLASK_PORT": "http"})
    assert warning == Warned("FLASK_PORT", "http", "it is not a whole number", 5001)
    assert str(warning) == "FLASK_PORT='http' is ignored: it is not a whole number; 5001 is used"


def test_a_value_out_of_bounds_names_the_bounds() -> None:
    _, (warning,) = load({"PORT": "65536"})
    assert "it is not between 0 and 65535" in str(warning)


def test_a_word_that_is_none_of_the_words_names_them() -> None:
    _, (warning,) = load({"SIDECAR_RESTART": "maybe"})
    assert "it is none of never, on-failure, always" in str(warning)


def test_unset_ones_are_left_out_of_the_environment_of_a_child() -> None:
    environ = load({})[0].environ()
    assert "PYTHON_PATH" not in environ
    assert environ["FLASK_PORT"] == "5001"
