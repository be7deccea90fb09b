"""`metadata.json` of an original: what is known of a content since it first came."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self


class NoRecordError(Exception):
    """What lies there is not the metadata of an original; the text says why."""


@dataclass(frozen=True, slots=True)
class Label:
    """What the client says of a file: its name, made harmless, whose it is, and where it belongs."""

    name: str
    drive: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One original. `size` in bytes, `uploaded_at` in RFC 3339, UTC."""

    content_hash: str
    original_name: str
    size: int
    mime_type: str
    uploaded_at: str
    uploaded_by: str | None
    drive_id: str | None

    @classmethod
    def of(cls, content_hash: str, size: int, mime_type: str, label: Label) -> Self:
        """The record of what has just come."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return cls(content_hash, label.name, size, mime_type, now, label.user, label.drive)

    def to_json(self) -> dict[str, object]:
        """As clients see it, and as it lies on the disk."""
        return {
            "contentHash": self.content_hash,
            "originalName": self.original_name,
            "size": self.size,
            "mimeType": self.mime_type,
            "uploadedAt": self.uploaded_at,
            "uploadedBy": self.uploaded_by,
            "driveId": self.drive_id,
        }

    def to_bytes(self) -> bytes:
        """The file's content."""
        return json.dumps(self.to_json(), ensure_ascii=False, indent=2).encode() + b"\n"

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Raises `NoRecordError` for anything that is no such record."""
        try:
            told: Any = json.loads(content)
            words = [told[key] for key in ("contentHash", "originalName", "mimeType", "uploadedAt")]
            size, user, drive = told["size"], told["uploadedBy"], told["driveId"]
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            raise NoRecordError(repr(problem)) from problem
        texts = (*words, *(word for word in (user, drive) if word is not None))
        if not (isinstance(size, int) and all(isinstance(word, str) for word in texts)):
            msg = "a field has the wrong type"
            raise NoRecordError(msg)
        return cls(words[0], words[1], size, words[2], words[3], user, drive)
