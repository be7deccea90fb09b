"""EPUB 2 and 3. For the child process."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from .markup import visible
from .notes import Broken, Encrypted, Notes, Piece
from .packages import Package, opened
from .plain import decode

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_TEXTS = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})


def read(path: Path, notes: Notes) -> Iterator[Piece]:
    """The chapters in the order of the spine, each a piece. EPUB has no page numbers that hold for all readers."""
    with opened(path, notes) as package:
        chapters = _chapters(package)
        if chapters & _locked(package).keys():
            raise Encrypted
        for name in chapters:
            if package.has(name):
                text = visible(decode(package.bytes(name), Notes()))
                if text:
                    yield Piece(text + "\n\n")
            else:
                notes.warn(f"the chapter {name!r} is missing")


def _chapters(package: Package) -> dict[str, None]:
    """Names of the parts that are read one after the other (EPUB 3.3, 5.7). Raises `Broken`."""
    roots = package.attributes(_CONTAINER, "rootfile")
    opf = next((root["full-path"] for root in roots if package.has(root.get("full-path", ""))), None)
    if opf is None:
        msg = "its package document is missing"
        raise Broken(msg)
    items = {item.get("id", ""): item for item in package.attributes(opf, "item")}
    spine = [items.get(one.get("idref", ""), {}) for one in package.attributes(opf, "itemref")]
    return {_part(opf, item["href"]): None for item in spine if item.get("media-type") in _TEXTS and "href" in item}


def _part(opf: str, href: str) -> str:
    path = unquote(href.partition("#")[0])
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(opf), path)).lstrip("/")


def _locked(package: Package) -> dict[str, None]:
    """Parts that are encrypted: fonts often are, in books that anybody can read."""
    if not package.has(_ENCRYPTION):
        return {}
    return {unquote(one.get("URI", "")): None for one in package.attributes(_ENCRYPTION, "CipherReference")}
