"""A JPEG's quantisation tables, and traces of an earlier, coarser compression beneath the present one.

Saving as JPEG rounds each DCT coefficient to a multiple of its table's step. When a file that was saved with coarse
steps is saved again with finer ones, values that lie between the coarse multiples stay empty in the histogram of the
coefficients (Popescu and Farid, "Statistical tools for digital forensics", 2004). An earlier compression that was finer
than the last, or one before a change of size or a shift of the 8x8 grid, leaves no such trace: finding none means
nothing. Saving twice is ordinary: messengers and web sites do it to every picture.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from mediabridge.sidecar.containers import Layout, Window

from . import picture
from .grid import Earlier, earlier_save
from .model import Examined, Finding, NotApplicable, Subject
from .tables import quality_of

METHOD = (
    "tables of the DQT segments; gaps in the histograms of the recomputed DCT coefficients (luminance, centre crop)"
)
_CROP = 1024  # pixels a side, on the grid of 8
_TABLE = 64
_SUBSAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (4, 1): "4:1:1", (1, 2): "4:4:0"}


def examine(subject: Subject) -> Examined:
    """`tables` (in zigzag order), `quality` (IJG scale, null for others), `subsampling`, `earlierSave` or null."""
    layout = subject.layout
    if layout is None or layout.container != "JPEG":
        msg = "only JPEG files have quantisation tables"
        raise NotApplicable(msg)
    with subject.path.open("rb") as file:
        window = Window(file)
        tables = _tables(window, layout)
        frame = _frame(window, layout)
    if not tables:
        msg = "the JPEG has no quantisation table"
        raise NotApplicable(msg)
    quality, exact = quality_of(tables[min(tables)])
    facts: dict[str, Any] = {
        "tables": {str(number): table for number, table in sorted(tables.items())},
        "quality": quality,
        "qualityExact": exact,
        "tableSource": "the Independent JPEG Group's standard" if exact else "the maker's or program's own",
        **frame,
        **_compressions(subject, tables[min(tables)]),
    }
    return Examined(facts, _found(facts))


def _found(facts: dict[str, Any]) -> tuple[Finding, ...]:
    earlier = facts["earlierSave"]
    if earlier is None:
        return ()
    what = (
        f"The picture was saved as JPEG at least twice: first about at quality {earlier['quality']}, "
        f"last at about {facts['quality']}. Many programs and web sites do that; it is no sign of a change by itself."
    )
    return (Finding("savedTwice", what, "picture data", "medium", METHOD, earlier),)


def _tables(window: Window, layout: Layout) -> dict[int, list[int]]:
    """Number -> 64 steps in zigzag order (T.81, B.2.4.1)."""
    tables: dict[int, list[int]] = {}
    for part in layout.named("DQT"):
        data = window.at(part.offset, part.size)
        while data:
            wide, number = data[0] >> 4, data[0] & 15
            size = _TABLE * (2 if wide else 1)
            raw, data = data[1 : 1 + size], data[1 + size :]
            if len(raw) == size:
                step = 2 if wide else 1
                tables.setdefault(number, [int.from_bytes(raw[i : i + step], "big") for i in range(0, size, step)])
    return tables


def _frame(window: Window, layout: Layout) -> dict[str, Any]:
    part = next((part for part in layout.parts if part.name.startswith("SOF")), None)
    data = window.at(part.offset, part.size) if part else b""
    if part is None or len(data) < 9:  # noqa: PLR2004  one component
        return {"encoding": None, "subsampling": None}
    factors = [divmod(data[place], 16) for place in range(7, len(data), 3)]
    subsampling = _SUBSAMPLING.get(factors[0]) if len(factors) > 1 else "none"
    return {"encoding": "progressive" if part.name == "SOF2" else "sequential", "subsampling": subsampling}


def _compressions(subject: Subject, table: list[int]) -> dict[str, Any]:
    try:
        levels = _luminance(subject)
    except NotApplicable as reason:
        return {"compressions": None, "earlierSave": None, "whyNoCompressions": str(reason)}
    earlier = earlier_save(levels, table)
    return {"compressions": "at least 2" if earlier else "at least 1", "earlierSave": _shown(earlier)}


def _shown(earlier: Earlier | None) -> dict[str, Any] | None:
    if earlier is None:
        return None
    return {
        "quality": earlier.quality,
        "frequencies": earlier.frequencies,
        "emptyShare": round(earlier.empty_share, 3),
        "expectedInGaps": round(earlier.expected),
    }


def _luminance(subject: Subject) -> npt.NDArray[np.float64]:
    """The middle of the picture, decoded as luminance only, cut on the grid. Raises `NotApplicable`."""
    subject.check_decodable()
    try:
        with warnings.catch_warnings(action="ignore"), picture.open_picture(subject.path) as opened:
            opened.draft("L", opened.size)
            if opened.mode != "L":
                msg = f"its picture data cannot be read as luminance alone ({opened.mode})"
                raise NotApplicable(msg)
            left, top = (max(side - _CROP, 0) // 16 * 8 for side in opened.size)
            width, height = (min(side // 8 * 8, _CROP) for side in opened.size)
            cut = opened.crop((left, top, left + width, top + height))
    except picture.REFUSALS as problem:
        msg = f"its picture data cannot be decoded ({type(problem).__name__})"
        raise NotApplicable(msg) from problem
    return np.asarray(cut, dtype=np.float64)
