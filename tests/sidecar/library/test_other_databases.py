"""`/api/library/` over a database that is not where it should be, and over PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from catalogue import group, put
from databases import server

from mediabridge.sidecar.database.database import Database


def send(served: Any, method: str, path: str, **fields: Any) -> Any:
    return served.request(method, f"/api/library/{path}", json.dumps(fields).encode())


def ids(answer: Any) -> list[int]:
    return [file["id"] for file in answer.json["files"]]


def test_a_library_that_cannot_be_opened_costs_the_library_alone(
    start_sidecar: Any, stand_in: Path, tmp_path: Path
) -> None:
    (tmp_path / "place").write_text("a file, no folder")
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), DATABASE_URL=f"sqlite:///{tmp_path}/place/library.db")
    answer = sidecar.get("/api/library/files")
    assert (answer.status, answer.json["code"]) == (503, "storage_unavailable")
    assert sidecar.get("/health").status == 200
    (tmp_path / "place").unlink()
    assert sidecar.get("/api/library/files").json == {"files": [], "next": None}


def test_the_same_on_postgresql(start_sidecar: Any, stand_in: Path) -> None:
    url = server().create("api")
    sidecar = start_sidecar(EXIFTOOL_PATH=str(stand_in), DATABASE_URL=url.replace("postgresql+psycopg", "postgresql"))
    assert sidecar.get("/api/library/files").json == {"files": [], "next": None}
    database = Database.open(url)
    database.write(lambda session: [put(session, f"/p/{number}.jpg") for number in range(3)])
    database.write(lambda session: group(session, 1, 2))
    assert ids(sidecar.get("/api/library/files?sort=-name&q=JPG&limit=2")) == [3, 2]
    decided = send(sidecar, "POST", "duplicates/1/decision", keep="suggested")
    assert [file["review"] for file in decided.json["group"]["files"]] == ["keep", "discard"]
    assert send(sidecar, "POST", f"decisions/{decided.json['decisionId']}/undo").status == 200
    assert send(sidecar, "PUT", "files/3/tags", tags=["Äpfel"]).json["file"]["tags"] == ["Äpfel"]
    assert sidecar.get("/api/library/timeline?tag=%C3%A4pfel").json["total"] == 1
    assert ids(sidecar.get("/api/library/files?review=keep")) == []
    summary = sidecar.get("/api/library/summary").json
    assert (summary["bytes"], summary["duplicates"]["freeable"]["bytes"]) == (30, 10)
    assert sidecar.get("/api/library/files/2/neighbours").json == {"previous": 3, "next": 1}
    database.close()
