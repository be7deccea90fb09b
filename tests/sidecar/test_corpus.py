"""Every file of the development corpus: the tags and values of `exiftool -j -G0:1 -struct`, and no crash."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from pathlib import Path
from typing import Any

OF_THE_COPY = {
    "Directory", "FileModifyDate", "FileAccessDate", "FileInodeChangeDate", "FileCreateDate", "FilePermissions",
}  # fmt: skip


def expected(exiftool: Path, files: list[Path]) -> dict[str, dict[str, Any]]:
    """What ExifTool itself prints, one process for all. Perl's random order of hashes is fixed, as for some files
    (EPUB) ExifTool's values depend on it.
    """
    run = subprocess.run(
        [exiftool, "-config", "", "-j", "-G0:1", "-struct", "-@", "-"],
        input="\n".join(map(str, files)).encode(),
        capture_output=True,
        check=False,
        env={**os.environ, "PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0"},
    )
    return {tags["SourceFile"]: tags for tags in json.loads(run.stdout)}


def flat(tags: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(group, tag, value as JSON) of ExifTool's own output, in order."""
    rows = []
    for key, value in tags.items():
        parts = key.split(":")
        if len(parts) == 1 or (parts[1:2] == ["System"] and parts[-1] in OF_THE_COPY):
            continue
        rows.append(("GPS" if parts[1:2] == ["GPS"] else parts[0], parts[-1], json.dumps(value)))
    return sorted(rows)


def flat_answer(metadata: dict[str, dict[str, Any]]) -> list[tuple[str, str, str]]:
    """The same of an answer: qualified names (`IFD1:XResolution`, `IFD1:XResolution#2`) are cut back to the tag."""
    return sorted(
        (group, name.partition("#")[0].rpartition(":")[2], json.dumps(value))
        for group, tags in metadata.items()
        for name, value in tags.items()
    )


def test_every_file_gives_exiftools_tags_and_values(corpus: Path, sidecar: Any, exiftool: Path, form: Any) -> None:
    files = sorted(path for path in corpus.rglob("*") if path.is_file())
    want = expected(exiftool, files)
    wrong, read = [], 0
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=60)
    for path in files:
        body, kind = form([("file", path.name, path.read_bytes())])
        connection.request("POST", "/api/extract", body, {**sidecar.headers, "Content-Type": kind})
        with connection.getresponse() as response:
            status, text = response.status, response.read().decode()
        answer, tags = json.loads(text), want[str(path)]
        if str(sidecar.temp) in text:
            wrong.append(f"{path.name}: a path of ours is told")
        if status == 200:
            read += 1
            if flat_answer(answer["metadata"]) != flat(tags):
                wrong.append(f"{path.name}: other tags or values")
        elif status not in (400, 415, 422):
            wrong.append(f"{path.name}: {status} {answer['message']}")
        elif "ExifTool:Error" not in tags and "hostile" not in path.relative_to(corpus).parts:
            wrong.append(f"{path.name}: refused with {status} {answer['message']}")
        elif status == 422 and flat_answer(answer["partial"]["metadata"]) != flat(tags):
            wrong.append(f"{path.name}: other tags or values in 'partial'")
    connection.close()
    assert wrong == []
    assert read >= len(files) - 10
    assert sidecar.uploads == []
