"""`/api/library/`: the media library. Views are loaded with the first request, and SQLAlchemy with them (0.3 s).

A new route is a row of `ROUTES`, and a function in one of the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from flask import Blueprint
from flask.typing import ResponseReturnValue

ROUTES = (
    ("GET", "/files", "files:many"),
    ("GET", "/files/<file_id>", "files:one"),
    ("GET", "/files/<file_id>/neighbours", "files:neighbours"),
    ("GET", "/files/<file_id>/thumbnail", "files:thumbnail"),
    ("GET", "/files/<file_id>/preview", "files:preview"),
    ("POST", "/files/<file_id>/decision", "decisions:file"),
    ("PUT", "/files/<file_id>/tags", "decisions:tags"),
    ("GET", "/timeline", "files:timeline"),
    ("GET", "/summary", "summary:read"),
    ("GET", "/duplicates", "groups:many"),
    ("GET", "/duplicates/<group_id>", "groups:one"),
    ("POST", "/duplicates/<group_id>/decision", "decisions:group"),
    ("GET", "/decisions", "decisions:many"),
    ("POST", "/decisions/<decision_id>/undo", "decisions:undo"),
    ("GET", "/tags", "tags:many"),
    ("POST", "/tags/from-folders", "tags:from_folders"),
    ("POST", "/export", "exporting:start"),
    ("GET", "/settings", "preferences:read"),
    ("PUT", "/settings", "preferences:change"),
    ("GET", "/jobs", "jobs:many"),
    ("GET", "/jobs/<job_id>", "jobs:one"),
    ("GET", "/jobs/<job_id>/events", "running:events"),
    ("POST", "/jobs/<job_id>/pause", "running:pause"),
    ("POST", "/jobs/<job_id>/resume", "running:resume"),
    ("POST", "/jobs/<job_id>/cancel", "running:cancel"),
)

blueprint = Blueprint("library", __name__, url_prefix="/api/library")


def _later(place: str) -> Callable[..., ResponseReturnValue]:
    module, _, function = place.partition(":")

    def view(**values: str) -> ResponseReturnValue:
        found: ResponseReturnValue = getattr(import_module(f".{module}", __package__), function)(**values)
        return found

    return view


for _method, _rule, _place in ROUTES:
    blueprint.add_url_rule(_rule, _place.replace(":", "-"), _later(_place), methods=[_method])
