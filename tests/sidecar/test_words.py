"""Request ids, log lines, error objects, names of files: what clients send must not come out harmful."""

from __future__ import annotations

import inspect
import io
import json
import logging
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediabridge.sidecar import errors, faults, logs, requestid
from mediabridge.sidecar.answers import DEFAULT_URL, to_bytes, url_of
from mediabridge.sidecar.storage.scratch import safe_extension

FAULTS = [item for _, item in inspect.getmembers(faults, inspect.isclass) if issubclass(item, faults.Fault)]
CONTRACT_FIELDS = {"error", "message", "suggestion", "timestamp", "status", "code", "requestId"}


@given(st.text())
def test_whatever_is_offered_the_request_id_is_sane(offered: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", requestid.choose(offered))


@given(st.from_regex(r"[A-Za-z0-9._:-]{1,128}", fullmatch=True))
def test_a_sane_id_is_kept(offered: str) -> None:
    assert requestid.choose(offered) == offered


@pytest.mark.parametrize("offered", ["", "a b", "a\n", "x" * 129, "é", "<script>"])
def test_an_insane_id_is_replaced_by_a_ulid(offered: str) -> None:
    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", requestid.choose(offered))


def test_made_ids_differ_and_sort_by_time() -> None:
    made = [requestid.make() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert [name[:10] for name in made] == sorted(name[:10] for name in made)


def line(mode: str, level: int, message: str, *args: object, **more: object) -> str:
    stream = io.StringIO()
    root = logging.getLogger()
    before, level_before = root.handlers[:], root.level
    try:
        logs.configure(mode, stream)  # type: ignore[arg-type]
        logging.getLogger("test.words").log(level, message, *args, **more)  # type: ignore[arg-type]
    finally:
        root.handlers[:] = before
        root.setLevel(level_before)
    return stream.getvalue()


@given(st.text(max_size=50))
def test_one_event_is_one_line_without_control_characters(text: str) -> None:
    written = line("development", logging.INFO, "got %s", text)
    assert written.endswith("\n")
    assert len(written.splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", written[:-1])


def test_a_traceback_cannot_forge_a_line() -> None:
    try:
        raise ValueError("x\nERROR forged: line")
    except ValueError:
        written = line("development", logging.ERROR, "failed", exc_info=True)
    first, *rest = written.splitlines()
    assert " ERROR test.words: failed [" in first
    assert rest
    assert all(part.startswith("  | ") for part in rest)


def test_production_logs_warnings_and_errors_alone() -> None:
    assert line("production", logging.INFO, "quiet") == ""
    assert "loud" in line("production", logging.WARNING, "loud")


def test_the_line_carries_the_request_id() -> None:
    token = requestid.current.set("req-7")
    try:
        assert ": x [req-7] pid=" in line("development", logging.INFO, "x")
    finally:
        requestid.current.reset(token)


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind is not faults.Fault])
def test_every_fault_has_its_status_and_the_fields_of_the_contract(kind: type[faults.Fault]) -> None:
    assert kind in errors.TABLE
    answer = errors.describe(kind("why"), request_id="r", url="http://h")
    assert answer.keys() >= CONTRACT_FIELDS
    assert answer["status"] == errors.TABLE[kind].status
    assert answer["suggestion"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", str(answer["timestamp"]))


def test_a_broken_file_keeps_what_could_be_read() -> None:
    fault = faults.UnreadableFile("why", partial={"metadata": {"File": {}}, "warnings": ["w"]})
    assert errors.describe(fault, request_id="r", url="u")["partial"] == fault.partial


def test_suggestions_name_the_address_that_the_client_used() -> None:
    answer = errors.describe(faults.InvalidRequest("why"), request_id="r", url=url_of("localhost:8080"))
    assert "curl -F file=@photo.jpg http://localhost:8080/api/extract" in str(answer["suggestion"])


@pytest.mark.parametrize("host", [None, "", "a b", "x;rm -rf /", "`id`", "a\nb", "h:999999", "$(id)"])
def test_a_host_that_does_not_belong_into_a_shell_is_not_repeated(host: str | None) -> None:
    assert url_of(host) == DEFAULT_URL


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_answers_are_strict_json_in_utf8(payload: object) -> None:
    json.loads(to_bytes(payload).decode("utf-8"))


def test_a_lone_surrogate_does_not_break_the_answer() -> None:
    assert to_bytes(["\ud800"]) == b'["?"]\n'


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("a.JPG", "jpg"), ("a.tar.gz", "gz"), ("noext", ""), ("a.", ""), (".jpg", "jpg"), ("", ""), (None, ""),
        ("a.toolongextension", ""), ("a.j/pg", ""), ("a.jp\ng", ""), ("a.é", ""), ("a.jpg\0", ""),
    ],
)  # fmt: skip
def test_the_extension_of_a_scratch_file_is_short_and_plain(name: str | None, extension: str) -> None:
    assert safe_extension(name) == extension


@given(st.text())
def test_no_name_escapes_through_its_extension(name: str) -> None:
    extension = safe_extension(name)
    assert extension == "" or re.fullmatch(r"[a-z0-9]{1,10}", extension)
    assert Path(f"x.{extension}").name == f"x.{extension}"
