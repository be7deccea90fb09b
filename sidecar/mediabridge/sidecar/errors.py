"""Fault -> status, code and words of CONTRACT §3: one table, and the JSON object that every error is answered with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from . import faults
from .faults import URL, Fault


@dataclass(frozen=True, slots=True)
class Kind:
    """One row: HTTP status, the code that programs test, the title that people read, seconds for Retry-After."""

    status: int
    code: str
    title: str
    retry_after_s: int | None = None


TABLE: dict[type[Fault], Kind] = {
    faults.InvalidRequest: Kind(400, "invalid_request", "Invalid request"),
    faults.Forbidden: Kind(403, "forbidden", "Forbidden"),
    faults.ForbiddenTier: Kind(403, "forbidden_tier", "Not in this tier"),
    faults.ContentUnknown: Kind(404, "not_found", "Not found"),
    faults.JobUnknown: Kind(404, "not_found", "Not found"),
    faults.Conflict: Kind(409, "conflict", "Conflict"),
    faults.PreconditionFailed: Kind(412, "precondition_failed", "Precondition failed"),
    faults.PayloadTooLarge: Kind(413, "payload_too_large", "Payload too large"),
    faults.UnsupportedMedia: Kind(415, "unsupported_media_type", "Unsupported media type"),
    faults.RangeUnsatisfiable: Kind(416, "range_not_satisfiable", "Range not satisfiable"),
    faults.UnreadableFile: Kind(422, "unreadable_file", "Unreadable file"),
    faults.RetrainingRefused: Kind(422, "retraining_refused", "Retraining refused"),
    faults.ClientGone: Kind(499, "client_gone", "Client closed the connection"),
    faults.EngineDied: Kind(500, "internal_error", "Extraction engine failed"),
    faults.RetrainingFailed: Kind(500, "retraining_failed", "Retraining failed"),
    faults.ContentDamaged: Kind(500, "content_damaged", "Stored content damaged"),
    faults.EngineUnavailable: Kind(503, "engine_unavailable", "Extraction engine unavailable"),
    faults.EngineBusy: Kind(503, "queue_full", "Extraction engine busy", 1),
    faults.QueueFull: Kind(503, "queue_full", "Too many jobs waiting", 5),
    faults.EngineClosed: Kind(503, "sidecar_unavailable", "Sidecar is stopping", 1),
    faults.MemoryShort: Kind(503, "memory_short", "Memory nearly exhausted", 5),
    faults.StorageUnavailable: Kind(503, "storage_unavailable", "Storage unavailable", 5),
    faults.ExtractionTimeout: Kind(504, "extraction_timeout", "Extraction timed out"),
    faults.StorageFull: Kind(507, "storage_full", "Storage full"),
}
UNEXPECTED = Kind(500, "internal_error", "Internal error")
NOT_FOUND = TABLE[faults.ContentUnknown]
METHOD_NOT_ALLOWED = Kind(405, "method_not_allowed", "Method not allowed")
INVALID_REQUEST = TABLE[faults.InvalidRequest]
PAYLOAD_TOO_LARGE = TABLE[faults.PayloadTooLarge]


def kind_of(fault: Fault) -> Kind:
    """The row of a fault; a subclass without a row takes that of its nearest parent."""
    return next((TABLE[parent] for parent in type(fault).__mro__ if parent in TABLE), UNEXPECTED)


def error_object(
    kind: Kind, message: str, suggestion: str, *, request_id: str, url: str, status: int | None = None
) -> dict[str, object]:
    """The error object of CONTRACT §3. `url` replaces `{url}` in the suggestion; `status` overrides the row's."""
    return {
        "error": kind.title,
        "message": message,
        "suggestion": suggestion.replace(URL, url),
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "status": status or kind.status,
        "code": kind.code,
        "requestId": request_id,
    }


def describe(fault: Fault, *, request_id: str, url: str) -> dict[str, object]:
    """The error object of a fault; `partial`, `supported` and `storage` are added where the fault brings them."""
    answer = error_object(kind_of(fault), fault.message, fault.suggestion, request_id=request_id, url=url)
    if isinstance(fault, faults.UnreadableFile):
        answer["partial"] = dict(fault.partial)
    if isinstance(fault, faults.RetrainingRefused):
        answer["missing"] = {kind: dict(numbers) for kind, numbers in fault.missing.items()}
    if isinstance(fault, faults.UnsupportedMedia) and fault.supported:
        answer["supported"] = list(fault.supported)
    if isinstance(fault, faults.StorageFull) and fault.storage is not None:
        answer["storage"] = dict(fault.storage)
    return answer


def unexpected(*, request_id: str, url: str) -> dict[str, object]:
    """The error object of a bug; the log has its traceback under the request id."""
    return error_object(
        UNEXPECTED,
        "The sidecar met an error that it did not expect.",
        f"Report it with the request id {request_id}; the log has the details under it.",
        request_id=request_id,
        url=url,
    )
