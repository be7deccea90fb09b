"""ExifTool's JSON -> the contract's groups. Pure functions, no I/O.

`exiftool -j -G0:1 -struct` prints keys of one to three parts: `SourceFile`, `ExifTool:ExifToolVersion`,
`EXIF:IFD0:Make`; the parts are family 0, family 1 (left out where it says the same) and the tag's name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

Json = Any  # str | int | float | bool | None | list[Json] | dict[str, Json]
Pairs = list[tuple[str, Json]]
Metadata = dict[str, dict[str, Json]]  # group -> tag -> value

ARGUMENTS = ("-j", "-G0:1", "-struct")
# Of the copy that we made of the upload, not of the file itself.
_OF_OUR_COPY = frozenset(
    {
        "Directory",
        "FileModifyDate",
        "FileAccessDate",
        "FileInodeChangeDate",
        "FileCreateDate",
        "FilePermissions",
    }
)


class NotExifToolJsonError(ValueError):
    """The output is not the JSON that ExifTool prints for one file."""


class _Doubled(dict[str, Json]):
    """An object in which a key stood twice; `pairs` keeps them all."""

    pairs: Pairs


def parse(output: bytes) -> Pairs:
    """The key-value pairs of the one file in ExifTool's output; see `parse_all`."""
    files = parse_all(output)
    if len(files) != 1:
        msg = "ExifTool's output does not describe one file"
        raise NotExifToolJsonError(msg)
    return files[0]


def parse_all(output: bytes) -> list[Pairs]:
    """The key-value pairs of each file in ExifTool's output, in its order, doubled keys included.

    Values have the types that `json.loads` gives them, with one exception: a number too large for a float keeps its
    text, since an answer must be strict JSON. Raises `NotExifToolJsonError`.
    """
    try:
        files = json.loads(
            output.decode("utf-8", "replace"), object_pairs_hook=_table, parse_float=_number, parse_constant=str
        )
    except (ValueError, RecursionError) as problem:
        msg = f"ExifTool's output is not JSON: {problem}"
        raise NotExifToolJsonError(msg) from problem
    if not isinstance(files, list) or not all(isinstance(found, dict) for found in files):
        msg = "ExifTool's output is no list of files"
        raise NotExifToolJsonError(msg)
    return [found.pairs if isinstance(found, _Doubled) else list(found.items()) for found in files]


def _table(pairs: Pairs) -> dict[str, Json]:
    table = dict(pairs)
    if len(table) < len(pairs):
        table = _Doubled(table)
        table.pairs = pairs
    return table


def _number(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def regroup(pairs: Pairs, name: str) -> Metadata:
    """Group the tags by family 0, those of family 1 `GPS` under `GPS`; `name` becomes `File:FileName`.

    The first tag of a name keeps it; later ones are called after their family 1 as well (`IFD1:XResolution`), and
    after a copy number where even that is taken. What describes our copy of the file is left out.
    """
    metadata: Metadata = {}
    copies: dict[tuple[str, str], int] = {}
    for key, value in pairs:
        group, family1, tag = _parts(key)
        if not tag or (family1 == "System" and tag in _OF_OUR_COPY):
            continue
        table = metadata.setdefault(group, {})
        free = _free_name(group, family1, tag, table, copies)
        table[free] = name if (family1, tag) == ("System", "FileName") else value
    return metadata


def _parts(key: str) -> tuple[str, str, str]:
    """Group, family 1, tag name. The tag is empty for `SourceFile`, the one key without a group."""
    family0, *rest = key.split(":", 2)
    if not rest:
        return family0, family0, ""
    family1, tag = rest if len(rest) > 1 else (family0, rest[0])
    return ("GPS" if family1 == "GPS" else family0), family1, tag


def _free_name(group: str, family1: str, tag: str, table: dict[str, Json], copies: dict[tuple[str, str], int]) -> str:
    if tag not in table:
        return tag
    qualified = f"{family1}:{tag}"
    if qualified not in table:
        return qualified
    number = copies.get((group, qualified), 1) + 1
    while f"{qualified}#{number}" in table:
        number += 1
    copies[group, qualified] = number
    return f"{qualified}#{number}"


def without(value: Json, secrets: Iterable[tuple[str, str]]) -> Json:
    """The value with every `(text, replacement)` of `secrets` carried out in all its strings, at any depth."""
    if isinstance(value, str):
        for text, replacement in secrets:
            value = value.replace(text, replacement)
        return value
    if isinstance(value, list):
        return [without(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: without(item, secrets) for key, item in value.items()}
    return value


def count(metadata: Metadata) -> int:
    """How many tags there are."""
    return sum(map(len, metadata.values()))


def warnings(metadata: Metadata) -> list[str]:
    """What ExifTool warned of, `[minor]` warnings included. They stay in the metadata as well."""
    return [str(value) for tag, value in metadata.get("ExifTool", {}).items() if _named(tag, "Warning")]


def error(metadata: Metadata) -> str | None:
    """ExifTool's `Error` tag."""
    return next((str(value) for tag, value in metadata.get("ExifTool", {}).items() if _named(tag, "Error")), None)


def _named(tag: str, name: str) -> bool:
    return tag.split("#", 1)[0].rpartition(":")[2] == name
