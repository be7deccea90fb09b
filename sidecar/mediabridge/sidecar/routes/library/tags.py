"""Tags with counts, and tags from folder names."""

from __future__ import annotations

import os
from functools import partial

from flask import Response

from mediabridge.sidecar.answers import answer
from mediabridge.sidecar.library import preferences, tags
from mediabridge.sidecar.library.origin import is_path
from mediabridge.sidecar.services import services

from . import asking


def many() -> Response:
    """All tags, and how many files have them."""
    found = services().library.read(tags.counted)
    return answer({"tags": [{"name": name, "files": files} for name, files in found]})


def from_folders() -> Response:
    """`{"root": "/photos"}`: files below it get the names of their folders; a transaction for each thousand."""
    root = asking.body({"root"}).get("root")
    if not isinstance(root, str) or not root.startswith("/") or not is_path(root):
        raise asking.wrong("root", "it is no absolute path")
    raw = os.fsencode(root)
    library = services().library
    ignored = library.read(preferences.read)["ignoredFolders"]
    new, after = 0, 0
    while True:
        step = partial(tags.from_folders, root=raw, ignored=ignored, after=after)
        added, last = library.write(step)
        new += added
        if last is None:
            return answer({"added": new})
        after = last
