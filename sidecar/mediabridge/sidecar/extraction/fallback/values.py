"""ExifTool's way to write values: which texts are numbers in its JSON, and how it words what tags mean. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

# exiftool's EscapeJSON: a text of this form is printed without quotes.
_NUMBER = re.compile(r"-?(\d|[1-9]\d{1,14})(\.\d{1,16})?(e[-+]?\d{1,3})?", re.IGNORECASE | re.ASCII)
_DIGITS = 10  # to which ExifTool rounds fractions
_QUARTER_S = 0.25001
_MOST_APEX = 100
Words = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """A text as ExifTool's JSON has it: numbers unquoted, control characters kept, NULs gone."""
    if not isinstance(value, str):
        return value
    text = value.replace("\0", "")
    if _NUMBER.fullmatch(text):
        number = json.loads(text.lower())
        return number if not isinstance(number, float) or math.isfinite(number) else text
    return text


def text(data: bytes) -> str:
    """A text of a file up to its NUL; bytes that are no UTF-8 become question marks."""
    return data.partition(b"\0")[0].decode("utf-8", "replace").replace("\ufffd", "?")


def lens(value: Any) -> Any:
    """Shortest and longest focal length, f-numbers at both: `4-6mm f/1.8-2.4`."""
    if not isinstance(value, tuple) or len(value) != 4:  # noqa: PLR2004  as above
        return joined(value)
    near, far, wide, narrow = ("?" if isinstance(one, str) else str(number(one)) for one in value)
    reach = near if near == far else f"{near}-{far}"
    return f"{reach}mm f/{wide if wide == narrow else f'{wide}-{narrow}'}"


def fraction(top: int, bottom: int) -> float | str:
    """A rational, rounded to ten digits; `inf` and `undef` for those over zero."""
    if bottom == 0:
        return "inf" if top else "undef"
    return float(f"{top / bottom:.{_DIGITS}g}")


def number(value: float) -> int | float:
    """3.0 -> 3, as Perl prints it."""
    return int(value) if value == int(value) else value


def joined(value: Any) -> Any:
    """Several numbers as one text, one as itself."""
    if isinstance(value, tuple):
        return " ".join(str(number(one)) if isinstance(one, float) else str(one) for one in value)
    return number(value) if isinstance(value, float) else value


def choice(**names: str) -> Words:
    """A table from `_1="..."`; what is not in it is `Unknown (n)`."""
    return table({int(key.lstrip("_")): text for key, text in names.items()})


def table(names: dict[Any, str]) -> Words:
    """Names by value; what is not in it is `Unknown (value)`."""
    return lambda value: names.get(value, f"Unknown ({joined(value)})")


def hex_table(names: dict[int, str]) -> Words:
    """The same, with `Unknown (0x1f)`."""
    return lambda value: names.get(value) or (f"Unknown ({value:#x})" if isinstance(value, int) else joined(value))


def _of_number(function: Callable[[float], Any]) -> Words:
    """Words for numbers; `inf` and `undef` stay as they are."""
    return lambda value: function(value) if isinstance(value, int | float) else joined(value)


def _seconds(value: float) -> Any:
    if 0 < value < _QUARTER_S:
        return f"1/{int(0.5 + 1 / value)}"
    return plain(f"{value:.1f}".removesuffix(".0"))


def _speed(value: float) -> Any:
    return _seconds(2**-value if abs(value) < _MOST_APEX else 0)


def _f_number(value: float) -> Any:
    return plain(f"{value:.2f}" if 0 < value < 1 else f"{value:.1f}") if value > 0 else number(value)


def _aperture(value: float) -> Any:
    return plain(f"{2 ** (value / 2):.1f}") if abs(value) < _MOST_APEX else number(value)


def _compensation(value: float) -> Any:
    shown = value * 1.00001  # as ExifTool does against rounding
    if not shown:
        return 0
    for part in (1, 2, 3):
        whole = int(shown * part)
        if abs(whole / (shown * part)) > 0.999:  # noqa: PLR2004  near enough to a whole
            return plain(f"{whole:+d}" + (f"/{part}" if part > 1 else ""))
    return plain(f"{shown:+.3g}")


seconds, speed, f_number = _of_number(_seconds), _of_number(_speed), _of_number(_f_number)
aperture, compensation = _of_number(_aperture), _of_number(_compensation)


def with_unit(unit: str, digits: int | None = None) -> Words:
    """`4.3 mm`."""

    def say(value: Any) -> Any:
        if not isinstance(value, int | float):
            return joined(value)
        return f"{value:.{digits}f} {unit}" if digits is not None else f"{number(value)} {unit}"

    return say


def version(value: Any) -> Any:
    """Four bytes of digits, `0220`."""
    return plain(value.decode("latin-1")) if isinstance(value, bytes) else joined(value)


def degrees(value: Any) -> Any:
    """Three rationals -> `45 deg 30' 2.40"`; a text when they are none."""
    parts = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(part, int | float) for part in parts):
        return ""
    total = math.fsum(part / 60.0**power for power, part in enumerate(parts[:3]))
    return sexagesimal(total)


def sexagesimal(total: float) -> str:
    """Degrees -> `45 deg 30' 2.40"`."""
    hundredths = round(abs(total) * 360_000)
    whole, rest = divmod(hundredths, 360_000)
    return f"{whole} deg {rest // 6000}' {rest % 6000 / 100:.2f}\""


def time_of_day(value: Any) -> Any:
    """Three rationals -> `07:59:48`, with hundredths where there are some."""
    if not isinstance(value, tuple) or not all(isinstance(part, int | float) for part in value):
        return "00:00:00"
    total = math.fsum(part * factor for part, factor in zip(value, (3600, 60, 1), strict=False))
    hours, rest = divmod(total, 3600)
    minutes, second = divmod(rest, 60)
    text = f"{second:012.9f}".rstrip("0").removesuffix(".")
    return f"{int(hours):02}:{int(minutes):02}:{text}"


def file_size(count: int) -> str:
    """`167 kB`: decimal units, as ExifTool 12.4 and later write them."""
    if count < 2000:  # noqa: PLR2004  bytes
        return f"{count} bytes"
    for unit, factor, few, many in (("kB", 1e3, 1e4, 2e6), ("MB", 1e6, 1e7, 2e9), ("GB", 1e9, 1e10, math.inf)):
        if count < many:
            return f"{count / factor:.{1 if count < few else 0}f} {unit}"
    raise AssertionError


def duration(value: float) -> str:
    """`5.28 s` below half a minute, else `0:01:05`."""
    if value == 0:
        return "0 s"
    if abs(value) < 30:  # noqa: PLR2004  seconds
        return f"{value:.2f} s"
    whole = int(value + 0.5)
    days, rest = divmod(whole, 86_400)
    clock = f"{rest // 3600}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return f"{days} days {clock}" if days else clock
