"""A form gives the same however its bytes arrive, and the same as werkzeug reads from the whole."""

import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.formparser import parse_form_data

from mediabridge.sidecar.faults import InvalidRequest, PayloadTooLarge
from mediabridge.sidecar.form import FIELDS_LIMIT, Form, FormLimits, boundary_of, read
from mediabridge.sidecar.storage.scratch import Scratch

from .conftest import form as build

NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1, max_size=9)
FILES = st.lists(st.tuples(NAMES, NAMES, st.binary(max_size=3000)), max_size=4)
FIELDS = st.dictionaries(NAMES, st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30), max_size=3)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory):
    scratch = Scratch(tmp_path_factory.mktemp("scratch"))
    yield scratch
    scratch.close()


def new(scratch: Scratch, kind: str, limit: int = 1 << 30, parts: int = 64) -> Form:
    return Form(boundary_of(kind) or b"", scratch.room(), FormLimits(limit, parts))


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=60)
@given(FILES, FIELDS, st.lists(st.integers(1, 700), max_size=30))
def test_it_is_what_werkzeug_reads_however_it_is_cut(scratch, files, fields, cuts) -> None:
    body, kind = build(files, fields)
    environ = {
        "REQUEST_METHOD": "POST", "CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }  # fmt: skip
    _, told_fields, told_files = parse_form_data(environ, stream_factory=lambda **_: io.BytesIO())
    form, at = new(scratch, kind), 0
    for cut in [*cuts, len(body)]:
        form.append(body[at : at + cut])
        at += cut
    form.finish()
    assert list(form.fields.items(multi=True)) == list(told_fields.items(multi=True))
    assert len(form) == len(body)
    mine = [(name, part.filename, Path(part.stream.path).read_bytes()) for name, part in form.files.items(multi=True)]
    theirs = [(name, part.filename, part.stream.read()) for name, part in told_files.items(multi=True)]
    assert mine == theirs
    for part in form.files.values():
        assert part.stream.sha256 == hashlib.sha256(Path(part.stream.path).read_bytes()).hexdigest()
    form.close()
    assert not [path for path in scratch.folder.iterdir() if path.name != ".lock"]


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=100)
@given(st.binary(max_size=400))
def test_what_is_no_form_is_the_clients_error_and_leaves_nothing(scratch, body: bytes) -> None:
    form = new(scratch, "multipart/form-data; boundary=X")
    with pytest.raises(InvalidRequest, match="broken"):
        read(io.BytesIO(body.replace(b"--X", b"")), form)
    form.close()
    assert not [path for path in scratch.folder.iterdir() if path.name != ".lock"]


def test_limits_hold_as_it_arrives(scratch) -> None:
    body, kind = build([("file", "a.jpg", bytes(5000))])
    form = new(scratch, kind, limit=4999)
    with pytest.raises(PayloadTooLarge):
        form.append(body)
    form.close()
    body, kind = build([], {"note": "x" * (FIELDS_LIMIT + 1)})
    form = new(scratch, kind)
    with pytest.raises(InvalidRequest, match="field of more than"):
        form.append(body)
    body, kind = build([("file", f"{n}.jpg", b"x") for n in range(4)])
    form = new(scratch, kind, parts=3)
    with pytest.raises(InvalidRequest, match="more than 3 parts"):
        form.append(body)
    form.close()


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; boundary="a b"', b"a b"),
        ("multipart/form-data", None),
        ("multipart/mixed; boundary=abc", None),
        ("image/jpeg", None),
        ("", None),
    ],
)
def test_boundary(kind: str, boundary: bytes | None) -> None:
    assert boundary_of(kind) == boundary
