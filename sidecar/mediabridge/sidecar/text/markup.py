"""HTML: the text that a reader sees. For the child process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

from .notes import Broken, Notes, Piece, tidy
from .plain import load

_UNSEEN = frozenset({
    "head", "script", "style", "template", "noscript", "iframe", "object", "embed", "audio", "video", "canvas",
    "datalist", "noframes", "noembed", "title", "metadata", "defs",
})  # fmt: skip  # WHATWG HTML, 15.3.1, and what is shown instead of its content
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "legend", "li", "main", "menu", "nav", "ol", "optgroup", "option", "p", "pre", "section", "summary", "table",
    "tbody", "tfoot", "thead", "tr", "ul",
})  # fmt: skip  # WHATWG HTML, 15.3.3: what begins on a new line
_APART = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "ul", "ol", "pre"})
_CELLS = frozenset({"td", "th"})
_KEEPS_SPACE = frozenset({"pre", "textarea"})
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_MOST_DEPTH = 4000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*+)[^<>]*+>")  # possessive: a tag without its end costs no more than one
# Elements without an end, and those whose end is often left out (WHATWG HTML, 13.1.2).
_ENDS_BY_ITSELF = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "p", "li",
    "dd", "dt", "td", "th", "tr", "thead", "tbody", "tfoot", "option", "optgroup", "colgroup", "rt", "rp",
})  # fmt: skip
_SPACE = re.compile(r"[ \t\n\r\f]+")


def read(path: Path, notes: Notes) -> Iterator[Piece]:
    """The visible text of a page."""
    yield Piece(visible(load(path, notes)))


def visible(html: str) -> str:
    """What is left without tags, scripts, styles and what is hidden by itself; style sheets are not followed.

    Raises `Broken` for what is nested beyond reason: HTML's own rules look at all open elements for each new one.
    """
    if _depth(html) > _MOST_DEPTH:
        msg = f"its elements are nested more than {_MOST_DEPTH} deep"
        raise Broken(msg)
    out = _Lines()
    node = LexborHTMLParser(html).root
    while node is not None:
        node = _first(node, out) or _next(node, out)
    return tidy("".join(out.parts))


def _depth(html: str) -> int:
    """How deep elements are nested, at most, going by the tags alone."""
    depth = deepest = 0
    for match in _TAG.finditer(html):
        end, name, closed = match[1], match[2].lower(), match[0].endswith("/>")
        if name in _ENDS_BY_ITSELF or (closed and name not in _BLOCKS):
            continue
        depth = max(depth + (-1 if end else 1), 0)
        deepest = max(deepest, depth)
    return deepest


class _Lines:
    """Text as it is laid out: white space collapses, blocks begin on lines of their own."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.kept = 0  # how many elements that we are in keep their white space
        self._last = "\n"

    def add(self, text: str) -> None:
        if not self.kept:
            text = _SPACE.sub(" ", text)
            if self._last in "\n\t ":
                text = text.removeprefix(" ")
        if text:
            self.parts.append(text)
            self._last = text[-1]

    def line(self) -> None:
        if self._last != "\n":
            self.put("\n")

    def put(self, text: str) -> None:
        self.parts.append(text)
        self._last = text[-1]


def _first(node: LexborNode, out: _Lines) -> LexborNode | None:
    """Its first child, where there is anything to see in it."""
    return node.child if _shown(node, out) else None


def _shown(node: LexborNode, out: _Lines) -> bool:
    """Tell `out` of a node that begins; whether to look into it."""
    tag = node.tag
    if tag == "-text":
        out.add(node.text_content or "")
        return False
    if tag is None or tag.startswith(("-", "!")) or tag in _UNSEEN or _is_hidden(node):
        return False
    if tag == "br":
        out.put("\n")
    elif tag in _BLOCKS:
        out.line()
    if tag in _KEEPS_SPACE:
        out.kept += 1
        if node.child is None:
            out.kept -= 1
    return True


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    return "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style") or ""))


def _next(node: LexborNode, out: _Lines) -> LexborNode | None:
    """The next node in the document's order that is not within this one; those that end are told."""
    current: LexborNode | None = node
    while current is not None:
        _ended(current, out)
        if current.next is not None:
            return current.next
        current = current.parent
        if current is not None and current.tag in _KEEPS_SPACE:
            out.kept -= 1
    return None


def _ended(node: LexborNode, out: _Lines) -> None:
    tag = node.tag
    if tag in _CELLS:
        out.put("\t")
    elif tag in _BLOCKS:
        out.line()
        if tag in _APART:
            out.put("\n")
