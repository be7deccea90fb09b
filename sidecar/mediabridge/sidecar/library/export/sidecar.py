"""The XMP file beside a copy, for what cannot be written into it. Pure.

ISO 16684-1 for the packet; `{name}.{ext}.xmp` is how darktable and digiKam name it, and it fits one file alone.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from mediabridge.sidecar.library.moments import clock_text, offset_text

from .item import Item

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, section 2.2
_HEAD = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/">
"""
_TAIL = """  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def document(item: Item) -> bytes | None:
    """The file's content; None when there is nothing to say."""
    lines = []
    if item.writes_date and item.taken_us is not None:
        known = item.offset_min is not None and not item.assumed
        value = clock_text(item.taken_us) + (offset_text(item.offset_min or 0) if known else "")
        lines += [f"   <exif:DateTimeOriginal>{value}</exif:DateTimeOriginal>"]
        lines += [f"   <xmp:CreateDate>{value}</xmp:CreateDate>"]
    if item.tags:
        words = "".join(f"     <rdf:li>{_xml(tag)}</rdf:li>\n" for tag in item.tags)
        lines += [f"   <dc:subject>\n    <rdf:Bag>\n{words}    </rdf:Bag>\n   </dc:subject>"]
    return (_HEAD + "\n".join(lines) + "\n" + _TAIL).encode() if lines else None


def _xml(text: str) -> str:
    return escape(_NO_XML.sub("\ufffd", text))
