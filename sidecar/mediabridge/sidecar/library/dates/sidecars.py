"""Which files of a folder are sidecars, and of what. Pure: names in, names out.

XMP: `a.jpg.xmp` (darktable, digiKam) before `a.xmp` (Adobe). Google Takeout writes `a.jpg.json`, since 2024
`a.jpg.supplemental-metadata.json`, cut at its end until the whole name has 51 characters (46 and `.json`); a name that
would stand twice in its folder gets a number, `a(1).jpg` with `a.jpg(1).json` or `a.jpg.supplemental-metadata(1).json`;
an edited copy `a-edited.jpg` and the film of a moving picture have no sidecar of their own. Seen in exports and in
immich-go#652, #674, #698, #756, #1419.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .embedded import candidates, position
from .model import Metadata, Sidecar

_SUFFIX = "supplemental-metadata"
_MOST_STEM = 46  # characters before `.json`
_NUMBERED = re.compile(r"(?P<head>.+)(?P<number>\(\d{1,4}\))", re.DOTALL)
# What Google appends to edited copies, in the language of the account.
_EDITED = re.compile(
    r"-(?:edit(?:ed|iert|ado|ada|at)?|effects|smile|mix|bearbeitet|modifi[eé]|edytowane|modificato|bewerkt|redigerad|"
    r"redigert|redigeret|muokattu|upraveno|szerkesztett|d[uü]zenlendi|изменено|編集済み|已编辑|已修改|已編輯|수정됨)$",
    re.IGNORECASE,
)
_STILLS = (".heic", ".jpg", ".jpeg", ".dng", ".png")
_FILMS = (".mov", ".mp4", ".mp", ".mv")
_Key = tuple[str, str]  # what a JSON belongs to, in small letters, and its `(1)`


@dataclass(frozen=True, slots=True)
class Beside:
    """The names of a picture's sidecars in its folder."""

    xmp: str | None = None
    takeout: str | None = None


class Folder:
    """The sidecars among the names of one folder, found again by the picture that they belong to."""

    def __init__(self, names: Iterable[str]) -> None:
        self._xmp: dict[str, str] = {}
        self._json: dict[_Key, str] = {}
        for name in names:
            folded = name.casefold()
            if folded.endswith(".xmp"):
                self._xmp[folded.removesuffix(".xmp")] = name
            elif folded.endswith(".json"):
                self._json.setdefault(_owner(folded.removesuffix(".json")), name)

    def beside(self, name: str) -> Beside:
        """The sidecars of a picture or a film; the folder's names decide, no file is read."""
        folded = name.casefold()
        stem, _ = _split(folded)
        takeout = next((found for key in _keys(folded) if (found := self._json.get(key))), None)
        return Beside(self._xmp.get(folded) or self._xmp.get(stem), takeout)


def read_xmp(metadata: Metadata) -> Sidecar:
    """What an XMP sidecar tells, out of our own extraction of it."""
    only = {group: table for group, table in metadata.items() if group in ("XMP", "Composite")}
    table = only.get("XMP", {})
    title, description = (
        text if isinstance(text := table.get(name), str) else None for name in ("Title", "Description")
    )
    return Sidecar("xmp", tuple(candidates(only, "sidecar")), position(only), title, description)


def _owner(stem: str) -> _Key:
    """Of a JSON's name without its extension: `a.jpg.suppl(1)` -> `a.jpg`, `(1)`."""
    head, number = _numbered(stem)
    title, dot, tail = head.rpartition(".")
    return (title if dot and title and _SUFFIX.startswith(tail) else head), number


def _keys(name: str) -> Iterator[_Key]:
    """Under what a picture's JSON may be found, the surest first."""
    for title, number in _titles(name):
        yield title, number
        if len(title) > _MOST_STEM:
            yield title[:_MOST_STEM], number
    for title, number in _titles(name):
        yield _split(title)[0], number  # some exports leave the picture's extension out


def _titles(name: str) -> Iterator[_Key]:
    stem, extension = _split(name)
    head, number = _numbered(stem)
    yield name, ""
    if number:
        yield head + extension, number
    for edited, its_number in ((stem, ""), (head, number)):
        if (plain := _EDITED.sub("", edited)) != edited:
            yield plain + extension, its_number
            inner, inner_number = _numbered(plain)
            if inner_number and not its_number:
                yield inner + extension, inner_number
    if extension in _FILMS:  # the moving part of a picture
        yield name + ".jpg", ""
        yield from ((stem + still, "") for still in _STILLS)
        if number:
            yield from ((head + still, number) for still in _STILLS)


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if dot and stem else (name, "")


def _numbered(stem: str) -> tuple[str, str]:
    found = _NUMBERED.fullmatch(stem)
    return (found["head"], found["number"]) if found else (stem, "")
