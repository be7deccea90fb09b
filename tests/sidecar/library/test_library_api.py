"""`/api/library/` of a real sidecar, over a library that the tests have written."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from catalogue import group, put
from pictures import jpeg, scene
from PIL import Image
from sqlalchemy.orm import Session

from mediabridge.sidecar import requestid
from mediabridge.sidecar.database.database import Database
from mediabridge.sidecar.jobs import Queue
from mediabridge.sidecar.library import intake, jobs, origin, steps, tags
from mediabridge.sidecar.library.intake import Dated, Seen
from mediabridge.sidecar.library.steps import Done, Step

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("instance")


@pytest.fixture(scope="module")
def served(start_shared: Any, stand_in: Path, instance: Path) -> Any:
    return start_shared(EXIFTOOL_PATH=str(stand_in), INSTANCE_PATH=str(instance))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("photos")
    for number in range(3):
        (found / f"IMG_{number}.jpg").write_bytes(jpeg(scene(number)))
    return found


@pytest.fixture(scope="module")
def library(served: Any, instance: Path, folder: Path) -> Iterator[Database]:
    """Three pictures (numbers 1 to 3) that are there, and some files of many kinds."""
    database = Database.open(f"sqlite:///{instance}/library.db")

    def work(session: Session) -> None:
        for path in sorted(folder.iterdir()):
            there = path.stat()
            (number,) = intake.register(
                session, [Seen(origin.of_path(path), there.st_size, there.st_mtime_ns)]
            ).values()
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            clock = Dated(
                1_706_702_400_000_000, 60, "high", {"source": "EXIF:DateTimeOriginal", "reasons": ["it says so"]}
            )
            intake.finish(
                session,
                [
                    intake.Found(
                        file_id=number,
                        sha256=sha256,
                        mime_type="image/jpeg",
                        kind="photo",
                        dated=clock,
                        width=640,
                        height=480,
                    )
                ],
            )
        for number in range(4, 12):
            put(session, f"/p/Rome/{number}.mov", kind="video", dated=Dated(None, None, "none"))
        intake.register(session, [Seen(origin.of_path(Path("/p/new.jpg")), 1, 1)])
        group(session, 5, 4, kind="near")
        tags.add(session, {1: ["Rome", "beach"], 2: ["rome"]}, "user")

    database.write(work)
    yield database
    database.close()


def send(served: Any, method: str, path: str, **fields: Any) -> Any:
    return served.request(method, f"/api/library/{path}", json.dumps(fields).encode())


def ids(answer: Any) -> list[int]:
    assert answer.status == 200, answer.body
    return [file["id"] for file in answer.json["files"]]


def test_pages_of_files(served: Any) -> None:
    found, path = [], "/api/library/files?limit=5"
    while path:
        answer = served.get(path)
        found += ids(answer)
        cursor = answer.json["next"]
        path = f"/api/library/files?limit=5&cursor={cursor}" if cursor else ""
    assert found == [3, 2, 1, *range(12, 3, -1)]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("from=2024-01-31&to=2024", [3, 2, 1]),
        ("from=2024-02", []),
        ("type=photo", [3, 2, 1]),
        ("type=photo,other&sort=added", [1, 2, 3, 12]),
        ("tag=ROME&sort=added", [1, 2]),
        ("tag=rome&tag=beach", [1]),
        ("duplicates=true", [5, 4]),
        ("undated=true&sort=-added&limit=2", [12, 11]),
        ("undated=false", [3, 2, 1]),
        ("status=pending", [12]),
        ("status=missing", []),
        ("confidence=high", [3, 2, 1]),
        ("confidence=none,low&limit=2&sort=added", [4, 5]),
        ("q=img_2", [3]),
        ("sort=name&q=1", [10, 11, 2]),
    ],
)
def test_filters(served: Any, query: str, numbers: list[int]) -> None:
    assert ids(served.get(f"/api/library/files?{query}")) == numbers


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("files?from=yesterday", "from"),
        ("files?to=2024-13", "to"),
        ("files?from=2024&to=2023-12-31", "to"),
        ("files?type=photo,cat", "type"),
        ("files?status=lost", "status"),
        ("files?confidence=sure", "confidence"),
        ("files/1/neighbours?limit=1", "limit"),
        ("summary?sort=name", "sort"),
        ("duplicates?kind=twin", "kind"),
        ("jobs?kind=image", "kind"),
        ("files?review=maybe", "review"),
        ("files?duplicates=perhaps", "duplicates"),
        ("files?sort=colour", "sort"),
        ("files?limit=0", "limit"),
        ("files?limit=501", "limit"),
        ("files?cursor=abc", "cursor"),
        ("files?kind=photo", "kind"),
        ("timeline?limit=5", "limit"),
        ("duplicates?settled=no", "settled"),
        ("duplicates?cursor=%00", "cursor"),
        ("decisions?cursor=x", "cursor"),
        ("jobs?limit=x", "limit"),
    ],
)
def test_what_is_wrong_is_named(served: Any, path: str, name: str) -> None:
    answer = served.get(f"/api/library/{path}")
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["message"].startswith(f"{name}: ")


def test_a_cursor_of_another_list_is_refused(served: Any) -> None:
    cursor = served.get("/api/library/files?limit=1").json["next"]
    answer = served.get(f"/api/library/files?limit=1&type=photo&cursor={cursor}")
    assert (answer.status, "another list" in answer.json["message"]) == (400, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "files/99"), ("GET", "files/x"), ("GET", "files/99999999999999999999"), ("GET", "files/99/thumbnail"),
        ("GET", "duplicates/1"), ("GET", "jobs/J"), ("POST", "decisions/x/undo"), ("PUT", "files/99/tags"),
        ("POST", "files/99/decision"), ("POST", "duplicates/99/decision"),
    ],
)  # fmt: skip
def test_what_is_not_there(served: Any, method: str, path: str) -> None:
    fields = {"tags": {"tags": []}, "decision": {"decision": "keep"}}.get(path.rpartition("/")[2], {})
    fields = {"keep": "all"} if path.startswith("dup") else fields
    answer = send(served, method, path, **fields)
    assert (answer.status, answer.json["code"]) == (404, "not_found"), answer.body


def test_one_file_with_its_reasons(served: Any, folder: Path) -> None:
    file = served.get("/api/library/files/1").json
    assert file["path"] == str(folder / "IMG_0.jpg")
    assert file["taken"] == {
        "at": "2024-01-31T12:00:00", "offset": "+01:00", "utc": "2024-01-31T11:00:00Z",
        "confidence": "high", "chosen": False,
    }  # fmt: skip
    assert file["dateEvidence"]["reasons"] == ["it says so"]
    assert (file["width"], file["status"], file["tags"], file["duplicates"]) == (640, "done", ["beach", "Rome"], None)
    assert served.get("/api/library/files/4").json["duplicates"]["id"] == 4


def test_the_timeline(served: Any) -> None:
    answer = served.get("/api/library/timeline")
    assert answer.json == {"months": [{"month": "2024-01", "files": 3}], "undated": 9, "total": 12}
    assert served.get("/api/library/timeline?tag=beach").json["total"] == 1


@pytest.mark.parametrize(
    ("number", "query", "around"),
    [
        (2, "", (3, 1)),
        (3, "", (None, 2)),
        (2, "sort=taken", (1, 3)),
        (1, "type=photo", (2, None)),
        (2, "sort=name", (1, 3)),
        (8, "sort=-added&undated=true", (9, 7)),
        (1, "type=video&sort=added", (None, 4)),  # it is not in this list itself
    ],
)
def test_what_comes_before_and_behind_a_file(served: Any, number: int, query: str, around: tuple[Any, Any]) -> None:
    found = served.get(f"/api/library/files/{number}/neighbours?{query}").json
    assert (found["previous"], found["next"]) == around


def test_counts_and_bytes(served: Any, folder: Path) -> None:
    found = served.get("/api/library/summary?type=photo").json
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert (found["files"], found["bytes"]) == (3, size)
    assert found["byType"] == {"photo": {"files": 3, "bytes": size}}
    assert found["byConfidence"] == {"high": {"files": 3, "bytes": size}}
    assert found["duplicates"]["groups"] == 0
    everything = served.get("/api/library/summary").json
    assert everything["byStatus"] == {"done": {"files": 11, "bytes": size + 80}, "pending": {"files": 1, "bytes": 1}}
    other = {"files": 1, "bytes": 10}
    assert everything["duplicates"] == {"groups": 1, "undecided": 1, "freeable": {**other, "byKind": {"near": other}}}


def test_pictures_of_a_file_where_it_lies(served: Any) -> None:
    answer = served.get("/api/library/files/1/thumbnail")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/webp")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert Image.open(io.BytesIO(answer.body)).size == (200, 150)
    again = served.request("GET", "/api/library/files/1/thumbnail", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status == 304
    assert Image.open(io.BytesIO(served.get("/api/library/files/1/preview").body)).format == "JPEG"


def test_no_picture_of_what_is_gone_or_has_changed_or_was_not_read(served: Any, folder: Path) -> None:
    (folder / "IMG_1.jpg").unlink()
    assert served.get("/api/library/files/2/thumbnail").status == 404
    there = (folder / "IMG_2.jpg").stat()
    (folder / "IMG_2.jpg").write_bytes(jpeg(scene(9)))
    answer = served.get("/api/library/files/3/thumbnail")
    assert (answer.status, answer.json["code"]) == (409, "conflict")
    (folder / "IMG_2.jpg").write_bytes(jpeg(scene(2)))
    os.utime(folder / "IMG_2.jpg", ns=(there.st_atime_ns, there.st_mtime_ns))
    assert served.get("/api/library/files/3/thumbnail").status == 200
    assert served.get("/api/library/files/12/thumbnail").status == 409


def test_a_picture_of_an_upload_comes_from_the_store(served: Any, library: Database) -> None:
    content = jpeg(scene(5))
    sha256 = served.request("POST", "/upload", content, {"x-filename": "up.jpg"}).json["contentHash"]

    def work(session: Session) -> int:
        (number,) = intake.register(session, [Seen(origin.of_upload(sha256, "up.jpg"), len(content), 0)]).values()
        dated = Dated(None, None, "none")
        intake.finish(
            session, [intake.Found(file_id=number, sha256=sha256, mime_type="image/jpeg", kind="document", dated=dated)]
        )
        session.flush()
        return number

    number = library.write(work)
    assert Image.open(io.BytesIO(served.get(f"/api/library/files/{number}/thumbnail").body)).size == (200, 150)
    library.write(lambda session: session.delete(session.get_one(intake.File, number)))


def test_decisions_about_a_file_and_their_way_back(served: Any) -> None:
    kept = send(served, "POST", "files/1/decision", decision="keep").json
    assert kept["file"]["review"] == "keep"
    assert kept["file"]["updatedAt"] > kept["file"]["addedAt"]
    assert send(served, "POST", "files/1/decision", decision="keep").json["decisionId"] is None
    dated = send(served, "POST", "files/1/decision", decision="date", date="2020-02-29T08:00:00+01:00").json
    assert dated["file"]["taken"]["utc"] == "2020-02-29T07:00:00Z"
    assert dated["file"]["taken"]["chosen"] is True
    tagged = send(served, "PUT", "files/1/tags", tags=["New", "rome"]).json
    assert tagged["file"]["tags"] == ["New", "Rome"]
    assert [one["action"] for one in served.get("/api/library/files/1").json["decisions"]] == ["tags", "date", "keep"]
    for one in (tagged, dated, kept):
        assert send(served, "POST", f"decisions/{one['decisionId']}/undo").status == 200
    assert send(served, "POST", f"decisions/{kept['decisionId']}/undo").status == 409
    file = served.get("/api/library/files/1").json
    assert (file["review"], file["tags"], file["taken"]["at"]) == (
        "undecided",
        ["beach", "Rome"],
        "2024-01-31T12:00:00",
    )
    page = served.get("/api/library/decisions?file=1&limit=2").json
    rest = served.get(f"/api/library/decisions?file=1&limit=2&cursor={page['next']}").json
    assert [one["undoneAt"] is not None for one in page["decisions"] + rest["decisions"]] == [True] * 3


@pytest.mark.parametrize(
    ("method", "path", "fields", "name"),
    [
        ("POST", "files/1/decision", {"decision": "maybe"}, "decision"),
        ("POST", "files/1/decision", {}, "decision"),
        ("POST", "files/1/decision", {"decision": "date"}, "date"),
        ("POST", "files/1/decision", {"decision": "date", "date": "soon"}, "date"),
        ("POST", "files/1/decision", {"decision": "keep", "date": "2024-01-01"}, "date"),
        ("POST", "files/1/decision", {"decide": "keep"}, "decide"),
        ("PUT", "files/1/tags", {"tags": "Rome"}, "tags"),
        ("PUT", "files/1/tags", {"tags": [""]}, "tags"),
        ("POST", "duplicates/4/decision", {"keep": 4}, "keep"),
        ("POST", "duplicates/4/decision", {"keep": [True]}, "keep"),
        ("POST", "duplicates/4/decision", {"keep": [1]}, "keep"),
        ("POST", "duplicates/4/decision", {"keep": "all", "mergeTags": 1}, "mergeTags"),
        ("PUT", "settings", {"timezone": "Mars"}, "timezone"),
        ("PUT", "settings", {"colour": "red"}, "colour"),
        ("POST", "tags/from-folders", {"root": "p"}, "root"),
        ("POST", "tags/from-folders", {"root": "/\ud800"}, "root"),
    ],
)
def test_what_is_wrong_in_a_body_is_named(served: Any, method: str, path: str, fields: Any, name: str) -> None:
    answer = send(served, method, path, **fields)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["message"].startswith(f"{name}: ")


def test_what_is_suggested_fits_the_question(served: Any) -> None:
    assert '"decision": "date"' in send(served, "POST", "files/1/decision").json["suggestion"]
    assert "-X PUT" in send(served, "PUT", "files/1/tags").json["suggestion"]
    assert "/duplicates?" in served.get("/api/library/duplicates?limit=x").json["suggestion"]
    assert "/files?" in served.get("/api/library/files?limit=x").json["suggestion"]
    assert served.get("/api/library/duplicates/x").json["suggestion"].endswith("/api/library/duplicates")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'"keep"', b"\xff"])
def test_a_body_must_be_an_object(served: Any, body: bytes) -> None:
    answer = served.request("POST", "/api/library/files/1/decision", body)
    assert (answer.status, answer.json["message"]) == (400, "The body must be a JSON object.")


def test_groups_of_duplicates_are_decided_together(served: Any) -> None:
    (found,) = served.get("/api/library/duplicates").json["groups"]
    assert (found["id"], found["settled"], found["freeableBytes"]) == (4, False, 10)
    assert [(file["id"], file["suggestedKeeper"], file["kind"]) for file in found["files"]] == [
        (5, True, "near"), (4, False, "near")
    ]  # fmt: skip
    send(served, "PUT", "files/4/tags", tags=["from four"])
    decided = send(served, "POST", "duplicates/4/decision", keep="suggested", mergeTags=True).json
    assert [(file["id"], file["review"], file["tags"]) for file in decided["group"]["files"]] == [
        (5, "keep", ["from four"]), (4, "discard", ["from four"])
    ]  # fmt: skip
    assert served.get("/api/library/duplicates").json == {"groups": [], "next": None}
    summary = served.get("/api/library/summary").json
    assert (summary["duplicates"]["undecided"], summary["duplicates"]["freeable"]["files"]) == (0, 0)
    assert summary["byReview"]["discard"] == {"files": 1, "bytes": 10}
    assert ids(served.get("/api/library/files?review=discard")) == [4]
    send(served, "POST", f"decisions/{decided['decisionId']}/undo")
    assert len(served.get("/api/library/duplicates?limit=1&kind=duplicates").json["groups"]) == 1
    assert served.get("/api/library/duplicates/4").json["settled"] is False


def test_tags_and_settings(served: Any) -> None:
    found = served.get("/api/library/tags").json["tags"]
    assert {"name": "Rome", "files": 2} in found
    assert send(served, "POST", "tags/from-folders", root="/p").json == {"added": 8}
    assert {"name": "Rome", "files": 10} in served.get("/api/library/tags").json["tags"]
    assert send(served, "PUT", "settings", timezone="Europe/Berlin").json["timezone"] == "Europe/Berlin"
    assert served.get("/api/library/settings").json["timezone"] == "Europe/Berlin"


def test_jobs_with_their_errors(served: Any, library: Database, instance: Path) -> None:
    queue = Queue(instance)
    queued = queue.submit("image", {})
    others = [requestid.make(), queued.id]

    def work(session: Session) -> None:
        for number in others:
            jobs.begin(session, number, "import", {"path": "/p"})
        steps.add(session, others[0], [Step(bytes([number]), 1 if number == 0 else None) for number in range(5)])
        ends = [Done(bytes([number]), {"kind": "Broken", "message": f"no {number}"}) for number in range(3)]
        steps.finish(session, others[0], [*ends, Done(bytes([3]))])
        jobs.settle(session, others[0], "running")
        jobs.settle(session, others[1], "running")

    library.write(work)
    queue.pause(queued.id)
    queue.close()
    found = {job["id"]: job["status"] for job in served.get("/api/library/jobs").json["jobs"]}
    assert found == {others[0]: "running", others[1]: "paused"}  # the queue knows better of what it has
    job = served.get(f"/api/library/jobs/{others[0]}?limit=2").json
    assert job["progress"] == {"done": 1, "total": 5, "failed": 3}
    rest = served.get(f"/api/library/jobs/{others[0]}?limit=2&cursor={job['next']}").json
    assert [error["error"]["message"] for error in job["errors"] + rest["errors"]] == ["no 0", "no 1", "no 2"]
    first = job["errors"][0]
    assert (first["name"], first["path"].endswith("/IMG_0.jpg"), rest["next"]) == ("IMG_0.jpg", True, None)
    assert (job["missing"], job["warning"]) == (0, None)
    page = served.get("/api/library/jobs?limit=1&kind=import").json
    rest = served.get(f"/api/library/jobs?limit=1&kind=import&cursor={page['next']}").json
    assert sorted(job["id"] for job in page["jobs"] + rest["jobs"]) == sorted(others)
