"""Documents made by hand: as small as their formats allow, or as bad."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfReader, PdfWriter

OOXML = "application/vnd.openxmlformats-officedocument."
TYPES = {
    "docx": f"{OOXML}wordprocessingml.document",
    "pptx": f"{OOXML}presentationml.presentation",
    "xlsx": f"{OOXML}spreadsheetml.sheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "epub": "application/epub+zip",
    "pdf": "application/pdf",
    "rtf": "application/rtf",
    "html": "text/html",
    "txt": "text/plain",
    "png": "image/png",
}
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"


def archive(parts: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return out.getvalue()


def relations(**targets: tuple[str, str]) -> str:
    rows = "".join(
        f'<Relationship Id="{name}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for name, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rows}</Relationships>'


def paragraphs(*texts: str) -> str:
    return "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in texts)


def docx(body: str, main: str = "word/document.xml", **beside: str) -> bytes:
    """`body` and what is `beside` (`footnotes`, `header1`) as WordprocessingML."""
    root = f'xmlns:w="{WORD}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    parts = {
        "_rels/.rels": relations(a=("officeDocument", main)),
        main: f"<w:document {root}><w:body>{body}</w:body></w:document>",
    }
    folder = main.rpartition("/")[0]
    return archive(parts | {f"{folder}/{name}.xml": f"<w:x {root}>{text}</w:x>" for name, text in beside.items()})


def pptx(*slides: str) -> bytes:
    """The slides lie in the package in another order than they are shown in."""
    names = [f"slide{len(slides) - place}.xml" for place in range(len(slides))]
    ids = "".join(f'<p:sldId id="{256 + n}" r:id="r{n}"/>' for n in range(len(slides)))
    root = f'xmlns:p="{_SLIDES}" xmlns:r="{_RELATIONS}" xmlns:a="{DRAWING}"'
    parts = {
        "_rels/.rels": relations(a=("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {root}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(
            **{f"r{n}": ("slide", f"slides/{name}") for n, name in enumerate(names)}
        ),
    }
    for name, text in zip(names, slides, strict=True):
        parts[f"ppt/slides/{name}"] = f"<p:sld {root}><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>"
    return archive(parts)


def xlsx(**sheets: Sequence[Sequence[str | int]]) -> bytes:
    strings = sorted({cell for rows in sheets.values() for row in rows for cell in row if isinstance(cell, str)})

    def cell(value: str | int) -> str:
        return f'<c t="s"><v>{strings.index(value)}</v></c>' if isinstance(value, str) else f"<c><v>{value}</v></c>"

    root = f'xmlns="{_SHEET}" xmlns:r="{_RELATIONS}"'
    listed = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, 1))
    targets = {f"r{n}": ("worksheet", f"worksheets/s{n}.xml") for n in range(1, len(sheets) + 1)}
    parts = {
        "_rels/.rels": relations(a=("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f"<workbook {root}><sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(**targets, rs=("sharedStrings", "sharedStrings.xml")),
        "xl/sharedStrings.xml": f"<sst {root}>{''.join(f'<si><t>{text}</t></si>' for text in strings)}</sst>",
    }
    for n, rows in enumerate(sheets.values(), 1):
        lines = "".join(f"<row>{''.join(cell(value) for value in row)}</row>" for row in rows)
        parts[f"xl/worksheets/s{n}.xml"] = f"<worksheet {root}><sheetData>{lines}</sheetData></worksheet>"
    return archive(parts)


def odt(body: str, manifest: str = "") -> bytes:
    root = f'xmlns:office="{_ODF}:office:1.0" xmlns:text="{_ODF}:text:1.0"'
    return archive(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f"<office:document {root}><office:body>{body}</office:body></office:document>",
            "META-INF/manifest.xml": f'<m:manifest xmlns:m="{_ODF}:manifest:1.0">{manifest}</m:manifest>',
        },
        _method(body),
    )


def epub(chapters: Mapping[str, str], **more: str) -> bytes:
    """`chapters`: name → XHTML, in reading order; in the manifest they are listed the other way round."""
    items = "".join(f'<item id="{n}" href="{n}" media-type="application/xhtml+xml"/>' for n in reversed(chapters))
    spine = "".join(f'<itemref idref="{name}"/>' for name in chapters)
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>",
        **{f"OPS/{name}": text for name, text in chapters.items()},
        **more,
    }
    return archive(parts, _method("".join(chapters.values())))


def _method(text: str) -> int:
    """Bombs are packed; for the rest the file's type is read in the clear."""
    return zipfile.ZIP_STORED if len(text) < 10_000 else zipfile.ZIP_DEFLATED


def pdf(*pages: str) -> bytes:
    """A page for each text; PDF's own Helvetica, ASCII alone."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for text in pages:
        lines = " ".join(f"({line}) Tj T*" for line in text.split("\n"))
        stream = f"BT /F 12 Tf 14 TL 50 700 Td {lines} ET"
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}\nendstream")
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents {len(objects)} 0 R"
            "/Resources<</Font<</F 3 0 R>>>>>>"
        )
    objects[1] = f"<</Type/Pages/Kids[{' '.join(kids)}]/Count {len(kids)}>>"
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj{content}endobj\n".encode()
    rows = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}trailer<</Size {len(objects) + 1}/Root 1 0 R>>\n"
    return out + f"{end}startxref\n{len(out)}\n%%EOF\n".encode()


def with_password(document: bytes, password: str = "secret") -> bytes:
    writer = PdfWriter(PdfReader(io.BytesIO(document)))
    writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def joined(*documents: bytes) -> bytes:
    """The pages of several PDFs as one."""
    writer, out = PdfWriter(), io.BytesIO()
    for document in documents:
        writer.append(io.BytesIO(document))
    writer.write(out)
    return out.getvalue()


def printed(*lines: str, size: int = 32, width: int = 800) -> Image.Image:
    """Lines as a picture, black on white."""
    picture = Image.new("L", (width, 40 + len(lines) * size * 2), 255)
    font = ImageFont.load_default(size)
    for place, line in enumerate(lines):
        ImageDraw.Draw(picture).text((40, 20 + place * size * 2), line, fill=0, font=font)
    return picture


def scanned(*pages: Image.Image) -> bytes:
    """A PDF of pictures."""
    out = io.BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:], resolution=150)
    return out.getvalue()


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
