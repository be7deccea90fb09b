"""Is the position plausible? Each rule looks at what the tags say; none knows where the picture really was taken."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .dates import Moment, gather, parse
from .model import Confidence, Examined, Finding, NotApplicable, Subject

METHOD = "checks of the position's tags against each other and against what is possible on Earth"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_HIGHEST_M, _LOWEST_M = 20_000, -500  # above airliners; below the Dead Sea's shore (-430 m)
_FASTEST_KMH = 1_200
_SAME_PLACE_KM = 1.0
_HOURS_OFF_SUN = 5.0  # western China and Spain in summer are up to 3.3 hours from their longitude's own time
_BAD_DOP = 20.0  # dilution of precision: above this a fix is off by hundreds of metres
_SPEED_UNITS = {"km/h": 1.0, "mph": 1.609344, "knots": 1.852}
_EARTH_KM = 6371.0


@dataclass(frozen=True, slots=True)
class Position:
    """In degrees, north and east positive; what the tags say, so perhaps out of range."""

    where: str
    latitude: float
    longitude: float

    @property
    def possible(self) -> bool:
        """Whether there is such a place."""
        return abs(self.latitude) <= 90 and abs(self.longitude) <= 180  # noqa: PLR2004  degrees


def examine(subject: Subject) -> Examined:
    """`positions` in degrees with the tags that they are of; findings for what is implausible."""
    table = subject.group("GPS")
    positions = [*_positions(subject)]
    unreadable = [*_unreadable(table, positions)]
    if not positions and not unreadable and "GPSDateStamp" not in table:
        msg = "its metadata hold no position"
        raise NotApplicable(msg)
    findings = [*unreadable]
    for position in positions:
        findings += _place(position)
    findings += [*_sources(positions), *_receiver(table), *_future(table, subject), *_zone(positions, subject)]
    shown = [{"where": one.where, "latitude": one.latitude, "longitude": one.longitude} for one in positions]
    return Examined({"positions": shown}, tuple(findings))


def _finding(kind: str, what: str, where: str, confidence: Confidence, **data: Any) -> Finding:
    return Finding(kind, what, where, confidence, METHOD, data)


def _positions(subject: Subject) -> Iterator[Position]:
    for group in ("GPS", "XMP", "QuickTime"):
        table = subject.group(group)
        latitude = degrees(table.get("GPSLatitude"), table.get("GPSLatitudeRef"))
        longitude = degrees(table.get("GPSLongitude"), table.get("GPSLongitudeRef"))
        if latitude is not None and longitude is not None:
            yield Position(f"{group}:GPSLatitude", latitude, longitude)
    coordinates = str(subject.group("QuickTime").get("GPSCoordinates", "")).split(", ")
    if len(coordinates) > 1:
        north, east = degrees(coordinates[0]), degrees(coordinates[1])
        if north is not None and east is not None:
            yield Position("QuickTime:GPSCoordinates", north, east)


def degrees(value: Any, reference: Any = None) -> float | None:
    """`41 deg 51' 10.80" N`, or a number; with a reference (`South`) of its own. None when it is neither."""
    text = str(value)
    numbers = [float(number) for number in _NUMBER.findall(text)]
    if value is None or not 1 <= len(numbers) <= 3 or not all(map(math.isfinite, numbers)):  # noqa: PLR2004  d, m, s
        return None
    size = math.fsum(abs(number) / 60.0**power for power, number in enumerate(numbers))
    southwest = str(reference or "")[:1].upper() in ("S", "W") or text.strip().endswith(("S", "W")) or numbers[0] < 0
    return round(-size if southwest else size, 7)


def _unreadable(table: Mapping[str, Any], positions: list[Position]) -> Iterator[Finding]:
    if not any(one.where.startswith("GPS:") for one in positions):
        told = [name for name in ("GPSLatitude", "GPSLongitude") if name in table]
        if told:
            what = "The position is incomplete or no number."
            yield _finding("positionUnreadable", what, f"GPS:{told[0]}", "high", **{name: table[name] for name in told})


def _place(position: Position) -> Iterator[Finding]:
    data = {"latitude": position.latitude, "longitude": position.longitude}
    if not position.possible:
        what = "There is no such place: latitude ends at 90, longitude at 180 degrees."
        yield _finding("positionOutOfRange", what, position.where, "high", **data)
    elif position.latitude == 0 and position.longitude == 0:
        what = "0/0 lies in the Gulf of Guinea; programs write it when they know no position."
        yield _finding("positionZero", what, position.where, "high", **data)
    elif position.latitude == position.longitude or 0 in (position.latitude, position.longitude):
        what = "A coordinate is exactly zero, or both are the same: more often a fault of software than a place."
        yield _finding("positionOdd", what, position.where, "low", **data)


def _sources(positions: list[Position]) -> Iterator[Finding]:
    for other in positions[1:]:
        first = positions[0]
        if first.possible and other.possible and (far := distance_km(first, other)) > _SAME_PLACE_KM:
            what = f"{first.where} and {other.where} name places that are {far:.1f} km apart."
            yield _finding("positionsDisagree", what, f"{first.where}, {other.where}", "high", distanceKm=round(far, 3))


def distance_km(one: Position, other: Position) -> float:
    """Along the great circle (haversine formula)."""
    north1, north2 = math.radians(one.latitude), math.radians(other.latitude)
    east = math.radians(other.longitude - one.longitude)
    half = math.sin((north2 - north1) / 2) ** 2 + math.cos(north1) * math.cos(north2) * math.sin(east / 2) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def _number(value: Any) -> float | None:
    found = _NUMBER.search(str(value))
    return float(found[0]) if found else None


def _receiver(table: Mapping[str, Any]) -> Iterator[Finding]:
    altitude, speed, dop = (_number(table.get(f"GPS{name}")) for name in ("Altitude", "Speed", "DOP"))
    if altitude is not None:
        metres = -altitude if "Below" in str(table.get("GPSAltitudeRef")) else altitude
        if not _LOWEST_M <= metres <= _HIGHEST_M:
            what = f"An altitude of {metres:g} m is none where photographs are taken."
            yield _finding("altitudeImplausible", what, "GPS:GPSAltitude", "medium", metres=metres)
    if speed is not None:
        kmh = speed * _SPEED_UNITS.get(str(table.get("GPSSpeedRef")), 1.0)
        if kmh > _FASTEST_KMH:
            what = f"A speed of {kmh:.0f} km/h is faster than airliners."
            yield _finding("speedImplausible", what, "GPS:GPSSpeed", "medium", kilometresPerHour=round(kmh, 1))
    if dop is not None and dop > _BAD_DOP:
        what = f"The receiver itself calls the fix poor (dilution of precision {dop:g})."
        yield _finding("positionPoor", what, "GPS:GPSDOP", "medium", dilution=dop)
    if "Void" in str(table.get("GPSStatus")):
        what = "The receiver itself calls the position void: it had no fix."
        yield _finding("positionVoid", what, "GPS:GPSStatus", "high", status=table["GPSStatus"])


def _future(table: Mapping[str, Any], subject: Subject) -> Iterator[Finding]:
    moments, _ = gather(subject)
    fix = next((moment for moment in moments if moment.role == "satellite"), None)
    if fix is None and "GPSDateStamp" in table:
        fix = _day(str(table["GPSDateStamp"]))
        if fix is None:
            what = "The satellites' date is no date."
            yield _finding("satelliteDateUnreadable", what, "GPS:GPSDateStamp", "high", value=table["GPSDateStamp"])
    if fix is not None and fix.utc is not None and fix.utc > subject.facts.received_at + timedelta(minutes=10):
        what = "The satellites' time lies after the moment at which the file was received."
        yield _finding("satelliteTimeInFuture", what, fix.where, "high", date=fix.to_json())


def _day(text: str) -> Moment | None:
    try:
        return parse(text, "GPS:GPSDateStamp", "satellite", "+00:00")
    except ValueError:
        return None


def _zone(positions: list[Position], subject: Subject) -> Iterator[Finding]:
    moments, _ = gather(subject)
    taken = next((moment for moment in moments if moment.role == "taken" and moment.offset is not None), None)
    if not positions or taken is None or taken.offset is None or not positions[0].possible:
        return
    hours = taken.offset / timedelta(hours=1)
    off = abs(hours - positions[0].longitude / 15)
    if min(off, 24 - off) > _HOURS_OFF_SUN:
        what = f"The camera's offset ({hours:+g} h) is that of another part of the Earth than the position's longitude."
        data = {"offsetHours": hours, "longitude": positions[0].longitude}
        yield _finding("zoneAgainstPosition", what, f"{taken.where}, {positions[0].where}", "medium", **data)
