"""Dates in file names: a table of what cameras, phones and chats call their files. Pure.

Collected from the names in the tests of phockup, elodie, GooglePhotosTakeoutHelper and PhotoPrism, and from the apps
themselves. The first rule that fits decides. Digits inside longer numbers are never a date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .model import Candidate, Confidence, Precision, Role
from .text import NoSuchDateError, clock_of

_MOST_NAME = 255  # characters; longer ones are looked at in part
_NOON = 12

# Year, month and day, with the same sign between them or none.
_DAY = r"(?P<y>(?:1[89]|20)\d\d)(?P<s>[-_. ]?)(?P<m>0[1-9]|1[0-2])(?P=s)(?P<d>0[1-9]|[12]\d|3[01])"
_DAY_BACKWARDS = r"(?P<d>0[1-9]|[12]\d|3[01])(?P<s>[-_.])(?P<m>0[1-9]|1[0-2])(?P=s)(?P<y>(?:19|20)\d\d)"
# Between date and time: signs, and words as in "2024-01-31 at 12.30.45" or "2024-01-31 a las 12.30.45".
_BETWEEN = r"(?:[-_.,T ]{0,3}|[-_, ]{1,2}(?:[^\W\d_]{1,4} ){1,2})"
_TIME = (
    r"(?P<H>[01]\d|2[0-3])(?P<t>[-_.:' ]?)(?P<M>[0-5]\d)(?P=t)(?P<S>[0-5]\d)(?:[-.]?(?P<ms>\d{3,4}))?(?!\d)(?P<z>Z)?"
)
_TIME_12 = r"(?P<H>0?[1-9]|1[0-2])(?P<t>[-_.:])(?P<M>[0-5]\d)(?P=t)(?P<S>[0-5]\d)\s?(?P<half>[AaPp])\.?[Mm]\b"
_NO_TIME = r"(?![-_.,T ]{0,3}(?:\d{6}|\d\d(?P<c>[-_.:])\d\d(?P=c)\d\d)(?!\d))"  # `20170101_999999` is not even a date
_ALONE = r"(?<!\d)(?:(?<![^\W_])|(?<=[g-zG-Z]))"  # a date among hexadecimal digits is chance
_STAMPS = (
    re.compile(rf"(?<!\d){_DAY}{_BETWEEN}{_TIME_12}"),
    re.compile(rf"(?<!\d){_DAY}{_BETWEEN}{_TIME}"),
    re.compile(rf"{_ALONE}{_DAY}(?![^\W_]){_NO_TIME}"),
)
_BACKWARDS = (
    re.compile(rf"(?<!\d){_DAY_BACKWARDS}{_BETWEEN}{_TIME}"),
    re.compile(rf"{_ALONE}{_DAY_BACKWARDS}(?![^\W_]){_NO_TIME}"),
)
# Seconds (10 digits) or milliseconds (13) since 1970, as the whole name or after a word that announces them.
_EPOCH = re.compile(
    r"(?:(?P<word>img|vid|image|video|photo|picture|pic|camera|cropped|screenshot|fb_img|fb_vid|mmexport|wx_camera|"
    r"inshot|lv|jpeg|faceapp|beauty)[-_ ]?)?(?P<number>\d{10}|\d{13})(?:[-_ (~].{0,20})?",
    re.IGNORECASE,
)
_SAVED_LATER = frozenset({"fb_img", "fb_vid", "mmexport", "wx_camera"})
_FIRST_EPOCH = 1_000_000_000  # 2001-09-09, before it there were nine digits

_SCREENSHOT = (
    r"screen[-_ ]?(?:shot|recording|capture)|bildschirm(?:foto|aufnahme)|capture d.?[eé]cran|captura d[eao] |"
    r"schermata|schermafbeelding|zrzut ekranu|sk[aä]rm(?:bild|avbild)|снимок экрана|"
    r"スクリーンショット|截屏|截图|屏幕截图|스크린샷|ekran (?:resmi|görüntüsü)"
)
_CAMERA = (
    r"(?:IMG|VID|MVIMG|PANO|WIN|WP|C360|CAM|PHOTO|VIDEO|TRIM|SL_MO_VID|lv_0|PORTRAIT|NIGHT|Resized|DJI|dji_fly|InShot|"
    r"Burst)(?![a-z])"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of name: its sign, what its date is the date of, and how well it is to be believed."""

    sign: re.Pattern[str]
    role: Role
    weight: int
    most: Confidence
    doubt: str = ""
    utc: bool = False


_SENT = "{} puts the day of sending or saving into names, which may be later than the picture"
RULES: tuple[Rule, ...] = (
    Rule(re.compile(r"^PXL_"), "taken", 74, "medium", utc=True),  # Google's camera app, since 2020
    Rule(re.compile(r"^\d{8}_\d{9}_iOS$"), "taken", 70, "medium", utc=True),  # OneDrive's upload of iPhones
    Rule(re.compile(r"-WA\d+|^WhatsApp ", re.IGNORECASE), "sent", 35, "low", _SENT.format("WhatsApp")),
    Rule(re.compile(r"^signal-", re.IGNORECASE), "sent", 35, "low", _SENT.format("Signal")),
    Rule(re.compile(r"^(?:photo|video|file|audio|gif)_(?:\d+@)?\d"), "sent", 35, "low", _SENT.format("Telegram")),
    Rule(re.compile(_SCREENSHOT, re.IGNORECASE), "taken", 72, "medium"),
    Rule(re.compile(r"_BURST\d{14}", re.IGNORECASE), "taken", 70, "medium"),
    Rule(re.compile(rf"^{_CAMERA}", re.IGNORECASE), "taken", 70, "medium"),
    Rule(re.compile(r""), "taken", 62, "medium"),
)
_FACEBOOK = re.compile(r"^\d+_\d+_\d+_[a-z]$")  # three numbers of Facebook's own, none of them a date


def candidate(name: str) -> Candidate | None:
    """The date in a file's name; None when there is none."""
    stem = _stem(name)
    if _FACEBOOK.fullmatch(stem):
        return None
    rule = next(rule for rule in RULES if rule.sign.search(stem))
    return _stamped(name, stem, rule) or _epoch(name, stem)


def _stem(name: str) -> str:
    """Without an extension; `2024-01-31 12.30.45` has none."""
    head, dot, tail = name[-_MOST_NAME:].rpartition(".")
    return head if dot and head and not tail[:1].isdigit() and len(tail) <= 5 else name[-_MOST_NAME:]  # noqa: PLR2004


def _stamped(name: str, stem: str, rule: Rule) -> Candidate | None:
    found = next((hit for pattern in (*_STAMPS, *_BACKWARDS) if (hit := pattern.search(stem))), None)
    if found is None:
        return None
    parts = found.groupdict()
    try:
        clock, precision = _clock(parts)
    except NoSuchDateError:  # the 31st of February: some other number
        return None
    doubts = [rule.doubt] if rule.doubt else []
    weight, most = rule.weight, rule.most
    if precision == "day":
        weight, most = min(weight, 45), "low"
    if found.re in _BACKWARDS and int(parts["d"]) <= _NOON and parts["d"] != parts["m"] and rule.role != "sent":
        weight, most = 20, "low"
        doubts.append("day and month might be the other way round")
    is_utc = rule.utc or parts.get("z") is not None
    return Candidate(
        "name", "name", rule.role, weight, name,
        clock=None if is_utc else clock,
        instant=clock.replace(tzinfo=UTC) if is_utc else None,
        precision=precision, most=most, doubts=tuple(doubts),
    )  # fmt: skip


def _clock(parts: dict[str, str | None]) -> tuple[datetime, Precision]:
    day = int(parts["y"] or 0), int(parts["m"] or 0), int(parts["d"] or 0)
    if not parts.get("H"):
        return clock_of(day), "day"
    hour, minute, second = (int(parts[key] or 0) for key in "HMS")
    if half := parts.get("half"):
        hour = hour % _NOON + (_NOON if half in "pP" else 0)
    return clock_of(day, (hour, minute, second), parts.get("ms") or ""), "second"


def _epoch(name: str, stem: str) -> Candidate | None:
    found = _EPOCH.fullmatch(stem)
    if not found or int(found["number"][:10]) < _FIRST_EPOCH:
        return None
    milliseconds = int(found["number"].ljust(13, "0"))
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    saved = (found["word"] or "").lower() in _SAVED_LATER
    exact = len(found["number"]) == 13 and not saved  # noqa: PLR2004  milliseconds
    why = "such a number is the time of saving" if saved else "the number might be no time at all"
    return Candidate(
        "name", "name", "saved" if saved else "created", 50 if exact else 30, name,
        instant=instant, most="low", doubts=(why,),
    )  # fmt: skip
