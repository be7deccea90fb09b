"""Everything that can go wrong with a request, as one tree. It knows no HTTP: `errors.py` gives each its status.

Fault
├── InvalidRequest       the request itself is wrong
├── Forbidden            no token, or a host that is not ours
├── PayloadTooLarge      over a limit
├── UnsupportedMedia     content that no supported format claims
├── ContentUnknown       nothing is stored under this hash
├── RangeUnsatisfiable   a range that lies behind the end
├── PreconditionFailed   If-Match names another content
├── UnreadableFile       a supported format, but broken; carries what could be read
├── RetrainingRefused    labels are missing; carries how many
├── RetrainingFailed     the child that trained a model broke off
├── ExtractionTimeout    the engine was killed and replaced
├── EngineUnavailable    ExifTool is missing or does not start
├── EngineDied           ExifTool ended in the middle of a file and was replaced
├── EngineBusy           no process was free in the time that the caller gave
├── EngineClosed         the sidecar is stopping
├── QueueFull            as many jobs are waiting as may
├── StorageFull          the disk is full, or a drive's quota is used up; carries the storage status
├── StorageUnavailable   the folder of originals cannot be read or written
├── ContentDamaged       what is stored is not what was stored
├── MemoryShort          memory is nearly exhausted, and the work is large
└── ClientGone           nobody is left to answer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

URL = "{url}"  # stands in a suggestion for the address under which the client reached us
SMALLER = "Send a smaller file, or raise EXTRACT_MAX_MB (MiB) where the server is started."
TRY_CURL = f"Try: curl -F file=@photo.jpg {URL}/api/extract"


class Fault(Exception):  # noqa: N818  a fault may be the client's; the answer calls it an error
    """Base of all. `message`: what happened; `suggestion`: what to do, where the web layer fills in `{url}`."""

    suggestion = "Send the request again; if it fails again, look for the request id in the log."

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if suggestion is not None:
            self.suggestion = suggestion


class InvalidRequest(Fault):
    """Malformed or missing input; the message names the field."""

    suggestion = TRY_CURL


class Forbidden(Fault):
    """The caller may not talk to this sidecar directly."""

    suggestion = "Call the proxy host instead; the sidecar answers it alone."


class ForbiddenTier(Fault):
    """The tier does not include what was asked for."""

    suggestion = "Send tier=forensic or tier=enterprise, or use /api/extract."


class PayloadTooLarge(Fault):
    """More bytes than a limit allows; the message names the limit."""

    suggestion = "Send a smaller file, or choose a tier with a higher limit."


class UnsupportedMedia(Fault):
    """The content is of no supported format; the message says what was found, the suggestion what is supported.

    `supported`: media types, where the caller shall get a list.
    """

    def __init__(self, message: str, suggestion: str | None = None, *, supported: Sequence[str] = ()) -> None:
        super().__init__(message, suggestion)
        self.supported = tuple(supported)


class ContentUnknown(Fault):
    """Nothing is stored under this hash."""

    suggestion = "Send the file to POST /upload; its answer has the contentHash."


class JobUnknown(ContentUnknown):
    """There is no job of this id, or no more."""

    suggestion = f"List the jobs: curl {URL}/api/jobs"


class Conflict(Fault):
    """What was asked for does not fit the state that the thing is in."""

    suggestion = "Ask for its state, and decide again."


class RangeUnsatisfiable(Fault):
    """The range begins behind the end. `size` in bytes of what was asked for."""

    suggestion = "Ask for the size first, with HEAD."

    def __init__(self, message: str, suggestion: str | None = None, *, size: int = 0) -> None:
        super().__init__(message, suggestion)
        self.size = size


class PreconditionFailed(Fault):
    """The content is not the one that the client named."""

    suggestion = "Send the request without If-Match."


class UnreadableFile(Fault):
    """A supported format that is broken. `partial`: `{"metadata": ..., "warnings": [...]}`, as far as it was read."""

    suggestion = "Check that the file was copied completely, and send it again. What could be read is under 'partial'."

    def __init__(
        self, message: str, suggestion: str | None = None, *, partial: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message, suggestion)
        self.partial: Mapping[str, object] = partial or {"metadata": {}, "warnings": []}


class RetrainingRefused(Fault):
    """Nothing can be learnt yet. `missing`: how many labels are, `{"labels": {"real": 12}, "golden": {"fake": 60}}`."""

    suggestion = 'Send labels to POST /api/deepfake/feedback; with "golden": true they join the golden set.'

    def __init__(
        self, message: str, suggestion: str | None = None, *, missing: Mapping[str, Mapping[str, int]] | None = None
    ) -> None:
        super().__init__(message, suggestion)
        self.missing = missing or {}


class RetrainingFailed(Fault):
    """The child process that trained a model was ended by a limit, or broke off."""

    suggestion = "Try again when the machine has more time and memory; the model that was there stays."


class ExtractionTimeout(Fault):
    """Reading the file took longer than the limit."""

    suggestion = "Send a smaller or different file, or raise EXTRACT_TIMEOUT (seconds)."


class EngineUnavailable(Fault):
    """ExifTool cannot be started. `missing` is true when no program was found at all."""

    def __init__(self, message: str, suggestion: str | None = None, *, missing: bool = False) -> None:
        super().__init__(message, suggestion)
        self.missing = missing


class EngineDied(Fault):
    """ExifTool ended while it read this file."""

    suggestion = "Send the file once more; if it fails again, the file itself makes ExifTool crash."


class EngineBusy(Fault):
    """All ExifTool processes were busy for as long as the caller would wait."""

    suggestion = "Send the request again in a moment."


class EngineClosed(Fault):
    """The sidecar is stopping and takes no more work."""

    suggestion = "Send the request again in a moment."


class QueueFull(Fault):
    """As many jobs are waiting as may; nothing was added."""

    suggestion = "Send the request again in a moment, when some of the jobs are done."


class StorageFull(Fault):
    """No room for a file. `storage`: how full it is, as far as the client may know."""

    suggestion = "Free disk space where temporary files lie (TMPDIR), and send the file again."

    def __init__(
        self, message: str, suggestion: str | None = None, *, storage: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message, suggestion)
        self.storage = storage


class StorageUnavailable(Fault):
    """The folder of originals cannot be used; the log says why."""

    suggestion = "Check FILE_STORAGE_PATH: the folder must be there, or be makeable, and be writable for the server."


class ContentDamaged(Fault):
    """The stored bytes do not have the hash under which they lie."""

    suggestion = "Send the file to POST /upload again: it takes the place of the damaged one."


class MemoryShort(Fault):
    """Memory is nearly exhausted; large work is refused so that what is under way can end."""

    suggestion = "Send the request again in a moment; if this lasts, give the server more memory."


class ClientGone(Fault):
    """The client closed the connection before the answer was ready."""
