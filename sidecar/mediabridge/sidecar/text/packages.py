"""Documents that are ZIP archives of XML: both read bit by bit, within limits. For the child process."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from xml.parsers import expat

from .notes import MOST_UNPACKED, Broken, Encrypted, Notes

Attributes = dict[str, str]
_BLOCK = 64 * 1024
_MOST_DEPTH = 500
_ENCRYPTED = 0x1  # general purpose bit 0 (APPNOTE.TXT, 4.4.4)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # an Office document with a password lies in one (MS-OFFCRYPTO, 2.3.4)
_LOCKED, _MOST_CONTAINER = "EncryptedPackage".encode("utf-16-le"), 512 * 1024**2


class Handler(Protocol):
    """What is told of an XML document. Names are local ones, without namespace."""

    def start(self, name: str, attributes: Attributes) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """It ends."""

    def text(self, data: str) -> None:
        """Character data."""


class Package:
    """An archive that is open. What it unpacks in total is bounded: what comes after that is left out, and told."""

    def __init__(self, archive: zipfile.ZipFile, notes: Notes) -> None:
        self._archive = archive
        self._notes = notes
        self._left = MOST_UNPACKED
        self.names = archive.namelist()

    def has(self, name: str) -> bool:
        """Whether there is a part of this name."""
        return name in self._archive.NameToInfo

    def blocks(self, name: str) -> Iterator[bytes]:
        """A part, bit by bit, as much as is left to unpack. Raises `Broken`, `Encrypted`."""
        try:
            info = self._archive.getinfo(name)
        except KeyError as problem:
            msg = f"its part {name!r} is missing"
            raise Broken(msg) from problem
        if info.flag_bits & _ENCRYPTED:
            raise Encrypted
        with self._archive.open(info) as file:
            while self._left > 0 and (block := file.read(min(_BLOCK, self._left))):
                self._left -= len(block)
                yield block
        if self._left <= 0:
            self._notes.truncate(f"it unpacks to more than {MOST_UNPACKED} bytes; the rest was left out")

    def bytes(self, name: str) -> bytes:
        """A part as a whole."""
        return b"".join(self.blocks(name))

    def parse(self, name: str, handler: Handler) -> None:
        """Tell `handler` what an XML part says, as far as it is well formed. Raises `Broken`, `Encrypted`."""
        parser = _parser(handler)
        try:
            for block in self.blocks(name):
                parser.Parse(block, False)
            if not self._notes.truncated:
                parser.Parse(b"", True)
        except expat.ExpatError as problem:
            msg = f"its part {name!r} is no XML ({problem})"
            raise Broken(msg) from problem

    def attributes(self, name: str, element: str) -> list[Attributes]:
        """The attributes of all elements of a name."""
        found = _Attributes(element)
        self.parse(name, found)
        return found.found


@contextmanager
def opened(path: Path, notes: Notes) -> Iterator[Package]:
    """Raises `Broken`, `Encrypted`."""
    _refuse_container(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield Package(archive, notes)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as problem:
        msg = f"its archive is damaged ({problem})"
        raise Broken(msg) from problem


def _refuse_container(path: Path) -> None:
    """Raise what an OLE container in place of an archive is."""
    with path.open("rb") as file:
        if file.read(len(_OLE)) != _OLE:
            return
        last = b""
        for _ in range(_MOST_CONTAINER // _BLOCK):
            block = file.read(_BLOCK)
            if _LOCKED in last + block:
                raise Encrypted
            if not block:
                break
            last = block[-len(_LOCKED) :]
    msg = "it is of an older format than its name says"
    raise Broken(msg)


class _Attributes:
    def __init__(self, element: str) -> None:
        self._element = element
        self.found: list[Attributes] = []

    def start(self, name: str, attributes: Attributes) -> None:
        if name == self._element:
            self.found.append(attributes)

    def end(self, name: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass


def _parser(handler: Handler) -> expat.XMLParserType:
    """Without entities of the document's own: a few lines of them make gigabytes. None of these formats needs them."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0

    def start(name: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > _MOST_DEPTH:
            msg = f"its XML is nested more than {_MOST_DEPTH} deep"
            raise Broken(msg)
        handler.start(local(name), {local(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(local(name))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    parser.EntityDeclHandler = _refused
    return parser


def _refused(*_: object) -> None:
    msg = "its XML declares entities"
    raise Broken(msg)


def local(name: str) -> str:
    """A name without its namespace, which strict and transitional documents write differently."""
    return name.rpartition(" ")[2]


def numbered(names: list[str], pattern: str) -> list[str]:
    """Names that fit a pattern with one number, by that number."""
    found = [(int(match[1] or 0), name) for name in names if (match := re.fullmatch(pattern, name))]
    return [name for _, name in sorted(found)]
