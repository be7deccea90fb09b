"""The development corpus: no false declaration, every planted mark, hostile files, and no word to the network."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import without_network
from pictures import jpeg, scene

from mediabridge.sidecar.cache import ResultCache
from mediabridge.sidecar.cache.limits import Limits as Sizes
from mediabridge.sidecar.deepfake import NoModel, decide
from mediabridge.sidecar.deepfake.analyst import Analyst
from mediabridge.sidecar.deepfake.frames import FFmpegFrames
from mediabridge.sidecar.deepfake.gather import LIMITS, gather
from mediabridge.sidecar.deepfake.gathered import Gathered
from mediabridge.sidecar.deepfake.work import examine
from mediabridge.sidecar.extraction import groups
from mediabridge.sidecar.extraction.extract import Reading
from mediabridge.sidecar.faults import UnreadableFile, UnsupportedMedia
from mediabridge.sidecar.isolated import Died, Pool
from mediabridge.sidecar.video import FFmpeg, find_tools

from .conftest import File, Signer, created, reading

PROVENANCE = ("c2pa", "iptc_source_type", "generator_traces", "editor_traces")
FACTS = {"name": "f", "extension": "", "sha256": "", "received_at": "2026-01-01T00:00:00+00:00"}


@pytest.fixture(scope="module")
def tags(exiftool: Path, corpus: Path) -> dict[Path, groups.Metadata]:
    """Of every file, from one ExifTool."""
    files = sorted(path for path in corpus.rglob("*") if path.is_file())
    command = [exiftool, "-config", "", *groups.ARGUMENTS, "-@", "-"]
    run = subprocess.run(command, input="\n".join(map(str, files)).encode(), capture_output=True, check=False)
    found = {Path(dict(pairs)["SourceFile"]): groups.regroup(pairs, "") for pairs in groups.parse_all(run.stdout)}
    return {path: found.get(path, {}) for path in files}


def request_for(path: Path, metadata: Any, **more: Any) -> dict[str, Any]:
    mime = str(metadata.get("File", {}).get("MIMEType", ""))
    return {
        "path": str(path), "mime": mime, "metadata": metadata, "facts": FACTS, "anchors": None, "maps": False, **more,
    }  # fmt: skip


def test_no_file_declares_ai_that_was_not_planted(tags: dict[Path, groups.Metadata], corpus: Path) -> None:
    """Each was looked into by hand: none of them names a generator or an AI source type."""
    declared, examined = [], 0
    for path, metadata in tags.items():
        if path.relative_to(corpus).parts[0] == "hostile":
            continue
        gathered = Gathered()
        for told, data in examine(request_for(path, metadata, steps=PROVENANCE)):
            gathered.add(told, data)
        judged = decide(gathered.pieces, None, NoModel().describe())
        examined += 1
        assert judged.verdict in ("declared_ai", "inconclusive")
        if judged.verdict == "declared_ai":
            declared.append((path.relative_to(corpus).as_posix(), judged.explanation))
        assert [one for one in gathered.pieces if one.status == "error"] == [], path
    assert declared == []
    assert examined >= 200


def test_every_mark_that_is_planted_into_files_of_the_corpus_is_found(
    exiftool: Path, corpus: Path, signer: Signer, tmp_path: Path
) -> None:
    photographs = sorted((corpus / "real").rglob("*.jpg"))[:4]
    source_type = "http://cv.iptc.org/newscodes/digitalsourcetype/"
    planted: list[tuple[Path, str]] = []
    for number, photograph in enumerate(photographs):
        text = "a street Steps: 30, Sampler: DPM++ 2M, CFG scale: 6"
        for name, tag in (
            ("text", f"-EXIF:UserComment={text}"),
            ("iptc", f"-XMP-iptcExt:DigitalSourceType#={source_type}trainedAlgorithmicMedia"),
            ("composite", f"-XMP-iptcExt:DigitalSourceType#={source_type}compositeWithTrainedAlgorithmicMedia"),
        ):
            path = tmp_path / f"{number}-{name}.jpg"
            shutil.copyfile(photograph, path)
            planted.append((path, tag))
        for kind in ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"):
            path = tmp_path / f"{number}-c2pa-{kind}.jpg"
            signer.sign(photograph, path, created(kind))
            planted.append((path, ""))
    lines = [
        line for path, tag in planted if tag for line in ("-q", "-m", "-overwrite_original", tag, path, "-execute")
    ]
    script = "\n".join(map(str, lines))
    subprocess.run([exiftool, "-config", "", "-@", "-"], input=script.encode(), check=True, capture_output=True)
    command = [exiftool, "-config", "", *groups.ARGUMENTS, *(path for path, _ in planted)]
    run = subprocess.run(command, check=True, capture_output=True)
    for pairs, (path, _) in zip(groups.parse_all(run.stdout), planted, strict=True):
        gathered = Gathered()
        for told, data in examine(request_for(path, groups.regroup(pairs, ""), steps=PROVENANCE)):
            gathered.add(told, data)
        assert decide(gathered.pieces, None, NoModel().describe()).verdict == "declared_ai", path.name


def test_every_hostile_file_is_answered_within_bounds(
    tags: dict[Path, groups.Metadata], corpus: Path, pool: Pool
) -> None:
    def read(file: Any, gone: object) -> tuple[Reading, bool]:
        return reading(tags[file.path], file.extension), False

    frames = FFmpegFrames(FFmpeg(lambda: find_tools(None)))
    analyst = Analyst(read, pool, ResultCache(Sizes(100, 50 * 1024**2)), frames=frames)
    answered = refused = 0
    for path in (one for one in tags if one.relative_to(corpus).parts[0] == "hostile"):
        try:
            answer = analyst.analyse(File(path), "full", maps=True)
        except (UnreadableFile, UnsupportedMedia):
            refused += 1
        else:
            answered += 1
            size = len(json.dumps(answer, allow_nan=False))
            assert size < 4_000_000, path
            assert answer["verdict"] == "inconclusive", path
            assert answer["timings"]["totalMs"] < 60_000, path
    assert answered >= 5
    assert refused >= 10


@pytest.fixture
def cut_off() -> Any:
    if not without_network.supported():
        pytest.skip("the kernel's filter of system calls is known for Linux on x86_64 and aarch64")
    started: list[Pool] = []

    def start(task: str) -> Pool:
        started.append(Pool(f"without_network:{task}", 1, dataclasses.replace(LIMITS, seconds=20)))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.mark.parametrize("six", [False, True])
def test_a_child_that_opens_a_socket_is_killed(cut_off: Any, six: bool) -> None:
    """The proof that the next test would notice."""
    stream = cut_off("open_a_socket").stream({"six": six})
    try:
        assert next(stream) == ({"forbidden": True}, b"")
    except Exception as problem:
        if "seccomp" in str(problem):
            pytest.skip("the kernel takes no filter of system calls here")
        raise
    with pytest.raises(Died):
        next(stream)


def test_nothing_is_asked_of_the_network(
    cut_off: Any, exiftool: Path, corpus: Path, tags: dict[Path, groups.Metadata], tmp_path: Path
) -> None:
    """Credentials of the corpus, and a file whose credentials lie at another address."""
    remote = tmp_path / "remote.jpg"
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" '
        'dcterms:provenance="http://127.0.0.1:9/a.c2pa"/></rdf:RDF></x:xmpmeta>'
    )
    remote.write_bytes(jpeg(scene(1, 64, 64), xmp=xmp.encode()))
    files = [path for path in tags if path.relative_to(corpus).parts[0] == "c2pa"]
    pool = cut_off("examine")
    for path in [*files, remote]:
        request = request_for(path, tags.get(path) or {"File": {"MIMEType": "image/jpeg"}})
        gathered = gather(pool, request, (*PROVENANCE, "thumbnail", "decode", "features"), lambda _d, _t: None)
        if any("seccomp" in piece["finding"] for piece in gathered.evidence):
            pytest.skip("the kernel takes no filter of system calls here")
        assert gathered.whole, path
        pieces = {piece.id: piece for piece in gathered.pieces}
        assert pieces["c2pa"].status != "error", path
        if path == remote:
            assert pieces["c2pa"].value["state"] == "Remote"
