"""The library's settings: one table, one check each. What is not set has its default."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.models import Setting
from mediabridge.sidecar.database.portable import insert
from mediabridge.sidecar.faults import URL, InvalidRequest

from . import folders, tags
from .moments import now_us

_MOST_FOLDERS = 200
_TRY = f"See: curl {URL}/api/library/settings"


@dataclass(frozen=True, slots=True)
class Rule:
    """One setting. `check` gives the value as it is kept, and raises `ValueError` in a person's words."""

    default: Any
    check: Callable[[Any], Any]
    meaning: str


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        msg = "it is neither true nor false"
        raise ValueError(msg)
    return value


def _zone(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return zoneinfo.ZoneInfo(value).key
    except (ValueError, OSError, KeyError, TypeError) as problem:
        msg = "it is no time zone's name (as Europe/Berlin)"
        raise ValueError(msg) from problem


def _folder_names(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        msg = "it is no list of names"
        raise ValueError(msg)
    if len(value) > _MOST_FOLDERS:
        msg = f"it has more than {_MOST_FOLDERS} names"
        raise ValueError(msg)
    return tags.ordered(value)


RULES: Mapping[str, Rule] = {
    "timezone": Rule(None, _zone, "zone of times that carry none; null is the server's TIMEZONE"),
    "tagsFromFolders": Rule(False, _flag, "files get the names of their folders as tags when they are imported"),
    "ignoredFolders": Rule(list(folders.IGNORED), _folder_names, "folders whose names are no tags"),
    "exportDiscarded": Rule(False, _flag, "what was discarded is exported all the same"),
}


def read(session: Session) -> dict[str, Any]:
    """All settings."""
    found: dict[str, Any] = dict(session.execute(select(Setting.name, Setting.value)).all())
    return {name: found.get(name, rule.default) for name, rule in RULES.items()}


def change(session: Session, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Set what is named, all or nothing; gives all settings. Raises `InvalidRequest`, naming the setting."""
    values = {name: _checked(name, value) for name, value in asked.items()}
    moment = now_us()
    rows = [{"name": name, "value": value, "updated_us": moment} for name, value in sorted(values.items())]
    if rows:
        statement = insert(session, Setting)
        news = {"value": statement.excluded.value, "updated_us": moment}
        session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=news), rows)
    return read(session)


def _checked(name: str, value: Any) -> Any:
    rule = RULES.get(name)
    if rule is None:
        msg = f"{name[:64]}: there is no such setting (there are {', '.join(RULES)})."
        raise InvalidRequest(msg, _TRY)
    try:
        return rule.check(value)
    except ValueError as problem:
        msg = f"{name}: {problem}."
        raise InvalidRequest(msg, _TRY) from problem
