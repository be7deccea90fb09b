"""What is found in a folder, below which folders may be read, and what of a file counts as a picture."""

from __future__ import annotations

import contextlib
import os
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediabridge.sidecar.faults import ContentUnknown, Forbidden, InvalidRequest
from mediabridge.sidecar.library.importing.plan import _batches
from mediabridge.sidecar.library.importing.roots import readable, roots_of
from mediabridge.sidecar.library.importing.types import judge
from mediabridge.sidecar.library.importing.walk import Entry, Listing, walk

_NAMES = st.text(string.ascii_letters + " .|\n\udcff", min_size=1, max_size=8).filter(lambda name: name.strip("."))


def names(root: Path) -> list[str]:
    return [os.path.relpath(entry.path, root) for listing in walk(str(root)) for entry in listing.files]


def test_folders_are_walked_in_order_without_what_is_hidden_junk_or_beside(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg", "z/c.jpg", ".hidden/d.jpg", ".e.jpg", "Thumbs.db", "@eaDir/f.jpg", "a.jpg.xmp",
                 "a.jpg.JSON", "m/n/g.jpg"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert names(tmp_path) == ["a.jpg", "b.jpg", "m/n/g.jpg", "z/c.jpg"]


def test_links_pipes_and_sockets_are_not_followed(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (elsewhere / "secret.jpg").write_bytes(b"x")
    (root / "folder").symlink_to(elsewhere)
    (root / "file.jpg").symlink_to(elsewhere / "secret.jpg")
    (root / "round").symlink_to(root)
    os.mkfifo(root / "pipe.jpg")
    assert names(root) == []


def test_a_folder_that_cannot_be_listed_is_told_and_the_others_are_walked(tmp_path: Path) -> None:
    (tmp_path / "z").mkdir()
    (tmp_path / "z/a.jpg").write_bytes(b"x")
    here = os.open(tmp_path, os.O_RDONLY)  # deeper than a path can be long: no path reaches its end, root's neither
    try:
        for _ in range(20):
            os.mkdir("d" * 250, dir_fd=here)
            here, old = os.open("d" * 250, os.O_RDONLY, dir_fd=here), here
            os.close(old)
        listings = list(walk(str(tmp_path)))
    finally:
        os.close(here)
    problems = [problem for listing in listings for problem in listing.problems]
    assert len(problems) == 1
    assert "File name too long" in str(problems[0].error)
    assert names(tmp_path) == ["z/a.jpg"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=st.lists(st.integers(0, 1200), max_size=6))
def test_batches_have_every_file_once_and_in_order(counts: list[int]) -> None:
    files = [[Entry(f"/{folder}/{number}", 1, 1) for number in range(count)] for folder, count in enumerate(counts)]
    batches = list(_batches(Listing(tuple(some)) for some in files))
    assert [one for batch in batches for one in batch.files] == [one for some in files for one in some]
    assert all(len(batch.files) == 500 for batch in batches[:-1])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.one_of(_NAMES, st.sampled_from(["..", ".", "inside", "link", "root"])), max_size=5))
def test_no_path_leads_out_of_the_roots(tmp_path: Path, parts: list[str]) -> None:
    root = tmp_path / "root"
    (root / "inside").mkdir(parents=True, exist_ok=True)
    if not (root / "link").is_symlink():
        (root / "link").symlink_to(tmp_path)
    asked = "/".join([str(root), *parts])
    found = None
    with contextlib.suppress(Forbidden, ContentUnknown):
        found = readable(asked, roots_of(str(root)))
    assert found is None or found == root.resolve() or root.resolve() in found.parents


def test_what_may_not_be_asked(tmp_path: Path) -> None:
    roots = roots_of(f"{tmp_path}:relative/is/none:")
    assert roots == (tmp_path.resolve(),)
    for asked in ("relative", "", "/a\0b", "/\ud800"):
        with pytest.raises(InvalidRequest):
            readable(asked, roots)
    with pytest.raises(Forbidden, match="outside"):
        readable("/etc", roots)
    with pytest.raises(Forbidden, match="outside"):  # not even whether it is there
        readable("/no/such/folder", roots)
    with pytest.raises(Forbidden, match="off"):
        readable(str(tmp_path), roots_of(None))
    with pytest.raises(ContentUnknown):
        readable(f"{tmp_path}/none", roots)
    (tmp_path / "a.jpg").touch()
    with pytest.raises(InvalidRequest, match="is a file"):
        readable(f"{tmp_path}/a.jpg", roots)
    with pytest.raises(ContentUnknown):
        readable(f"{tmp_path}/{'n' * 300}", roots)


def test_a_sibling_with_the_same_beginning_is_outside(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos-private").mkdir()
    with pytest.raises(Forbidden):
        readable(f"{tmp_path}/photos-private", roots_of(f"{tmp_path}/photos"))


def test_the_content_decides_what_is_a_picture(tmp_path: Path) -> None:
    cases = {
        "a.txt": (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        "b.jpg": (b"hello", None),
        "c.jpg": (b"", "image/jpeg"),
        "d.txt": (b"", None),
        "e.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        "f.pdf": (b"%PDF-1.7\n", None),
    }
    for name, (content, expected) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert (name, judge(str(path), len(content))) == (name, expected)
