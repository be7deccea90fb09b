"""OCR with the real Tesseract: pictures, scans, mixed documents; and what becomes of pages that fail."""

from __future__ import annotations

import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from documents import joined, pdf, png, printed, scanned, with_password
from PIL import Image

from mediabridge.sidecar import faults
from mediabridge.sidecar.images import Pictures
from mediabridge.sidecar.text import Ocr, OcrLimits, Tesseract, Texts

WORDS = "The quick brown fox jumps over the lazy dog"
PDF, PNG, TIFF = "application/pdf", "image/png", "image/tiff"
# Answers as Tesseract does, and for a page what the name of the language says.
STAND_IN = """#!{python} -SE
import os, sys, time
words = sys.argv[1:]
if words == ["--version"]:
    print("tesseract 9.9")
elif words == ["--list-langs"]:
    print("List (4):\\nfail\\neng\\nhang\\nsecond")
else:
    language = words[words.index("-l") + 1]
    marks = os.environ.get("TESSDATA_PREFIX")
    os.mkdir(os.path.join(marks, str(os.getpid())))
    turn = len(os.listdir(marks))
    if language == "hang" or (language == "second" and turn == 2):
        time.sleep(600)
    if language == "fail":
        sys.exit("cannot read this")
    print("level\\tblock_num\\tpar_num\\tline_num\\tconf\\ttext\\n5\\t1\\t1\\t1\\t90\\tpage%d" % turn)
"""


@pytest.fixture
def ocr(tesseract: Path, texts: Texts, pictures: Pictures) -> Ocr:
    return Ocr(Tesseract(lambda: tesseract), texts, pictures)


@pytest.fixture
def stand_in_for(
    tmp_path: Path, texts: Texts, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ocr]:
    """OCR with a real process in Tesseract's place."""
    marks, program = tmp_path / "marks", tmp_path / "tesseract"
    marks.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("TESSDATA_PREFIX", str(marks))

    def build(**limits: float) -> Ocr:
        return Ocr(Tesseract(lambda: program), texts, pictures, OcrLimits(**limits))  # type: ignore[arg-type]

    return build


def kept(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A scan of three pages."""
    return kept(tmp_path / "three.pdf", scanned(*(Image.new("L", (200, 100), 255 - n) for n in range(3))))


def test_a_picture_is_read_upright(ocr: Ocr, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right
    lying = printed("The quick brown fox", "jumps over the lazy dog").transpose(Image.Transpose.ROTATE_90)
    path = tmp_path / "lying.png"
    lying.save(path, exif=exif)
    answer = ocr.read(path, PNG, ("eng",))
    assert (answer["status"], " ".join(answer["text"].split())) == ("ok", WORDS)
    assert answer["confidence"] > 80
    assert answer["engine"]["name"] == "tesseract"
    assert [(page["number"], page["source"], page["words"]) for page in answer["pages"]] == [(1, "ocr", 9)]


def test_a_document_is_read_page_by_page_where_it_has_no_text(ocr: Ocr, tmp_path: Path) -> None:
    scan = scanned(printed("scanned words here", width=900))
    path = kept(tmp_path / "mixed.pdf", joined(pdf("printed words here"), scan))
    told: list[tuple[int, int]] = []
    answer = ocr.read(path, PDF, ("eng",), report=lambda done, total: told.append((done, total)))
    assert answer["text"] == "printed words here\n\nscanned words here"
    assert [page["source"] for page in answer["pages"]] == ["native", "ocr"]
    assert told == [(1, 2), (2, 2)]
    every = ocr.read(path, PDF, ("eng",), every_page=True)
    assert [page["source"] for page in every["pages"]] == ["ocr", "ocr"]
    assert every["text"] == answer["text"]


def test_a_tiff_of_several_pages(ocr: Ocr, tmp_path: Path) -> None:
    path = tmp_path / "fax.tiff"
    first, second = printed("first page").convert("1"), printed("second page", width=700)
    first.save(path, save_all=True, append_images=[second])
    answer = ocr.read(path, TIFF, ("eng",))
    assert [page["text"] for page in answer["pages"]] == ["first page", "second page"]
    assert (answer["pageCount"], answer["truncated"]) == (2, False)
    assert ocr.read(path, TIFF, ("eng",), most_pages=1)["warnings"] == ["1 of 2 pages were read"]
    small = tmp_path / "one.tiff"
    first.save(small)
    assert ocr.read(small, TIFF, ("eng",))["pageCount"] == 1


def test_a_small_copy_in_a_tiff_is_no_page(stand_in_for: Callable[..., Ocr], tmp_path: Path) -> None:
    path = tmp_path / "scan.tiff"
    small = Image.new("L", (20, 10), 255)
    small.encoderinfo = {"tiffinfo": {254: 1}}
    Image.new("L", (200, 100), 255).save(path, save_all=True, append_images=[small])
    assert stand_in_for().read(path, TIFF, ("eng",))["pageCount"] == 1


def test_a_damaged_page_of_a_tiff(stand_in_for: Callable[..., Ocr], tmp_path: Path) -> None:
    path = tmp_path / "fax.tiff"
    pages = [Image.effect_noise((300, 300), 50) for _ in range(2)]
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="tiff_lzw")
    content = path.read_bytes()
    path.write_bytes(content.replace(content[2000:4000], bytes(2000)))
    answer = stand_in_for().read(path, TIFF, ("eng",))
    assert (answer["status"], answer["pageCount"]) == ("partial", 2)
    assert "damaged" in answer["pages"][0]["error"]
    with pytest.raises(faults.UnreadableFile):
        stand_in_for().read(kept(path, b"II*\0nothing"), TIFF, ("eng",))


def test_two_languages(ocr: Ocr, tmp_path: Path) -> None:
    path = kept(tmp_path / "de.png", png(printed("Das Haus steht im Garten")))
    if "deu" not in ocr._tesseract.installed():
        pytest.skip("the German model is not installed")
    answer = ocr.read(path, PNG, ("deu", "eng"))
    assert answer["languages"] == ["deu", "eng"]
    assert answer["text"] == "Das Haus steht im Garten"


def test_nothing_to_read(ocr: Ocr, tmp_path: Path) -> None:
    answer = ocr.read(kept(tmp_path / "white.png", png(Image.new("L", (300, 300), 255))), PNG, ("eng",))
    assert (answer["status"], answer["text"], answer["confidence"]) == ("empty", "", None)


def test_what_cannot_be_read(stand_in_for: Callable[..., Ocr], tmp_path: Path) -> None:
    ocr = stand_in_for()
    locked = ocr.read(kept(tmp_path / "a", with_password(pdf("x"))), PDF, ("eng",))
    assert (locked["status"], locked["pages"], locked["pageCount"]) == ("encrypted", [], 0)
    assert ocr.read(kept(tmp_path / "b", b"%PDF-"), PDF, ("eng",))["status"] == "broken"
    with pytest.raises(faults.UnreadableFile):
        ocr.read(kept(tmp_path / "c", png(Image.effect_noise((200, 200), 50))[:1000]), PNG, ("eng",))
    with pytest.raises(faults.UnsupportedMedia):
        ocr.read(tmp_path / "d", "text/plain", ("eng",))
    with pytest.raises(faults.InvalidRequest, match="fra is not installed"):
        ocr.read(tmp_path / "e", PNG, ("fra",))


def test_without_tesseract(texts: Texts, pictures: Pictures, tmp_path: Path) -> None:
    def missing() -> Path:
        raise faults.EngineUnavailable("OCR is off", missing=True)

    with pytest.raises(faults.EngineUnavailable):
        Ocr(Tesseract(missing), texts, pictures).read(tmp_path / "x", PNG, ("eng",))


def test_pages_beyond_the_limit_are_told(stand_in_for: Callable[..., Ocr], three: Path) -> None:
    answer = stand_in_for().read(three, PDF, ("eng",), most_pages=2)
    assert (answer["text"], answer["pageCount"], answer["truncated"]) == ("page1\n\npage2", 3, True)
    assert answer["warnings"] == ["2 of 3 pages were read"]


def test_a_page_that_takes_too_long_costs_that_page_alone(stand_in_for: Callable[..., Ocr], three: Path) -> None:
    answer = stand_in_for(page_s=1.0).read(three, PDF, ("second",))
    assert answer["status"] == "partial"
    assert answer["text"] == "page1\n\npage3"
    assert answer["pages"][1]["error"] == "given up after 1 s"
    assert answer["confidence"] == 90


def test_when_no_page_is_read(stand_in_for: Callable[..., Ocr], three: Path) -> None:
    with pytest.raises(faults.ExtractionTimeout, match="given up"):
        stand_in_for(page_s=1.0, file_s=0.8).read(three, PDF, ("hang",))
    with pytest.raises(faults.UnreadableFile, match="cannot read this"):
        stand_in_for().read(three, PDF, ("fail",))


def test_no_page_is_left_on_the_disk(
    tesseract: Path, texts: Texts, pictures: Pictures, three: Path, tmp_path: Path
) -> None:
    folder, used = tmp_path / "pages", list[Path]()
    folder.mkdir()

    def new_path() -> Path:
        used.append(folder / str(len(used)))
        return used[-1]

    ocr = Ocr(Tesseract(lambda: tesseract), texts, pictures, new_path=new_path)
    ocr.read(three, PDF, ("eng",))
    assert len(used) == 3
    assert list(folder.iterdir()) == []
    folder.rmdir()
    with pytest.raises(faults.StorageUnavailable, match="No such file"):
        ocr.read(three, PDF, ("eng",))


def test_it_stops_between_pages(stand_in_for: Callable[..., Ocr], three: Path, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def report(done: int, _total: int) -> None:
        if done == 1:
            raise StopError

    with pytest.raises(StopError):
        stand_in_for().read(three, PDF, ("eng",), report=report)
    assert len(list((tmp_path / "marks").iterdir())) == 1


def test_one_file_at_a_time(stand_in_for: Callable[..., Ocr], three: Path) -> None:
    ocr = stand_in_for(turn_s=0.3)
    inside, leave, busy = threading.Event(), threading.Event(), list[Any]()

    def report(_done: int, _total: int) -> None:
        inside.set()
        leave.wait(20)

    first = threading.Thread(target=lambda: busy.append(ocr.read(three, PDF, ("eng",), report=report)))
    first.start()
    assert inside.wait(20)
    with pytest.raises(faults.EngineBusy):
        ocr.read(three, PDF, ("eng",))
    leave.set()
    first.join(20)
    assert busy[0]["text"] == "page1\n\npage2\n\npage3"
