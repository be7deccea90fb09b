"""Requests that work, for who has sent one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mediabridge.sidecar.faults import URL

_FILES = ("", "files?from=2024&type=photo&limit=100")
_EXAMPLES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {  # view → curl's options, and the address
        "files-timeline": ("", "timeline?from=2024&type=photo"),
        "summary-read": ("", "summary?from=2024&type=photo"),
        "groups-many": ("", "duplicates?settled=false&limit=20"),
        "decisions-many": ("", "decisions?limit=20"),
        "jobs-many": ("", "jobs?kind=import&limit=20"),
        "jobs-one": ("", "jobs/ID?limit=20"),
        "decisions-file": ("""-d '{"decision": "date", "date": "2024-01-31T12:00:00+01:00"}' """, "files/1/decision"),
        "decisions-group": ("""-d '{"keep": "suggested", "mergeTags": true}' """, "duplicates/1/decision"),
        "decisions-tags": ("""-X PUT -d '{"tags": ["Rome"]}' """, "files/1/tags"),
        "tags-from_folders": ("""-d '{"root": "/photos"}' """, "tags/from-folders"),
    }
)


def example(endpoint: str) -> str:
    """For a view of the library, by Flask's name of it; a list of files for those that have none."""
    options, path = _EXAMPLES.get(endpoint.removeprefix("library."), _FILES)
    return f"Try: curl {options}'{URL}/api/library/{path}'"
