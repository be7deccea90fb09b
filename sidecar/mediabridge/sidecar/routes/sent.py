"""The JSON that a request sends. It is held in memory, so that there is a limit of its own."""

from __future__ import annotations

import json
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from mediabridge.sidecar.faults import PayloadTooLarge

MOST = 1024 * 1024  # bytes


def json_sent(most: int = MOST) -> Any:
    """The value, None for what is no JSON or nested beyond reason. Raises `PayloadTooLarge` above `most` bytes."""
    request.max_content_length = most
    try:
        return json.loads(request.get_data())
    except RequestEntityTooLarge as problem:
        length = request.content_length
        has = f"more than {most}" if length is None else str(length)  # chunked bodies tell none
        msg = f"The body has {has} bytes; at most {most} are taken."
        raise PayloadTooLarge(msg, "Send the JSON object of the call alone; files go to POST /upload.") from problem
    except (ValueError, RecursionError):
        return None
