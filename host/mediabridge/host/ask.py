"""`mediabridge status`: asks a running instance and puts its answer into words and an exit code."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime
from typing import Any

EXIT_READY, EXIT_NOT_RUNNING, EXIT_NOT_READY = 0, 3, 4
TIMEOUT_S = 5.0


def ask(host: str, port: int) -> dict[str, Any] | str:
    """The status of the instance at that address, or why there is none."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/api/bridge/status")
        response = connection.getresponse()
        content = json.loads(response.read(1 << 20))
    except ConnectionRefusedError:
        return f"nothing listens at {host}:{port}"
    except (OSError, http.client.HTTPException) as problem:
        return f"{host}:{port} does not answer ({problem})"
    except ValueError:
        return f"another program answers at {host}:{port}"
    finally:
        connection.close()
    if not isinstance(content, dict) or "state" not in content:
        return f"another program answers at {host}:{port}"
    return content


def exit_code(answer: dict[str, Any] | str) -> int:
    """0 ready, 3 not running, 4 running and not ready."""
    if isinstance(answer, str):
        return EXIT_NOT_RUNNING
    return EXIT_READY if answer["state"] == "ready" else EXIT_NOT_READY


def as_json(answer: dict[str, Any] | str) -> str:
    """One JSON object, also when nothing runs."""
    if isinstance(answer, str):
        answer = {"state": "not_running", "why": answer}
    return json.dumps(answer)


def in_words(answer: dict[str, Any] | str, now: datetime | None = None) -> str:
    """A few lines for a person."""
    if isinstance(answer, str):
        return f"not running: {answer}\nStart it: mediabridge dev"
    failure = answer.get("failure") or {}
    lines = [answer["state"] + (f" ({answer['why']})" if answer.get("why") else "")]
    if failure:
        lines += [failure["message"], failure["suggestion"]]
    for one in answer.get("replicas", []):
        lines.append(_replica(one, now or datetime.now(UTC)))
    return "\n".join(lines)


def _replica(one: dict[str, Any], now: datetime) -> str:
    parts = [f"{one['name']:<9} {one['state']:<9}"]
    if one.get("pid"):
        parts.append(f"pid {one['pid']}")
    if one.get("startedAt") and one.get("pid"):
        seconds = max(0, int((now - datetime.fromisoformat(one["startedAt"])).total_seconds()))
        parts.append(f"up {_span(seconds)}")
    if one.get("rssBytes"):
        parts.append(f"{one['rssBytes'] // 2**20} MB")
    if one.get("restarts"):
        parts.append(f"restarts {one['restarts']}")
    return "  ".join(parts).rstrip()


def _span(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
