"""`GET /cache/{contentHash}/text` and `/ocr`."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, request

from mediabridge.sidecar.faults import URL, InvalidRequest
from mediabridge.sidecar.services import services
from mediabridge.sidecar.text import LANGUAGES, MOST_PAGES, PAGES, Kept, languages_of

from .jobs import accepted
from .serving import Content, serve

blueprint = Blueprint("texts", __name__)
_GONE = "waitress.client_disconnected"  # other servers have no word on it


@blueprint.get("/cache/<content_hash>/text")
def text(content_hash: str) -> Response:
    """What a document says; with `wait=0` a job where it is not there yet."""
    parts = services()
    missing = request.args.get("wait") == "0" and parts.texts.peek_text(content_hash) is None
    if missing and (job := parts.ahead.offer("text", content_hash)):
        return accepted(job)
    kept = parts.texts.get_text(content_hash, request.environ.get(_GONE))
    return _served(kept, f"{content_hash}.text.json")


@blueprint.get("/cache/<content_hash>/ocr")
def ocr(content_hash: str) -> Response:
    """What OCR reads in a picture or a PDF: `lang=eng+deu`, `pages=10`, `all=1`; `wait=0` for a job."""
    parts = services()
    languages = languages_of(request.args["lang"]) if request.args.get("lang") else LANGUAGES
    pages, every_page = _pages(), request.args.get("all") == "1"
    peek = partial(parts.texts.peek_ocr, content_hash, languages, pages=pages, every_page=every_page)
    if request.args.get("wait") == "0" and peek() is None:
        parts.texts.require(languages)
        asked = {"languages": list(languages), "pages": pages, "everyPage": every_page}
        if job := parts.ahead.offer("ocr", content_hash, **asked):
            return accepted(job)
    kept = parts.texts.get_ocr(content_hash, languages, request.environ.get(_GONE), pages=pages, every_page=every_page)
    return _served(kept, f"{content_hash}.ocr.json")


def _served(kept: Kept, name: str) -> Response:
    response = serve(request, Content.of_bytes(kept.body, kept.tag, "application/json", name))
    if not kept.settled:
        response.headers["Cache-Control"] = "no-cache"
    return response


def _pages() -> int:
    value = request.args.get("pages")
    if not value:
        return PAGES
    if not (value.isascii() and value.isdigit() and len(value) < 6 and 1 <= int(value) <= MOST_PAGES):  # noqa: PLR2004
        msg = f"pages: it is no whole number from 1 to {MOST_PAGES}."
        raise InvalidRequest(msg, f"Try: curl {URL}{request.path}?pages={PAGES}")
    return int(value)
