"""Which programs the metadata name: editors, picture generators, libraries. What a file says of itself, no more.

An editor's name is ordinary (51 of 1,620 unedited public pictures carry "Photoshop"), and a missing one means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from .model import Examined, Finding, NotApplicable, Subject

METHOD = "names and parameter blocks of known programs in the metadata's text"
Role = Literal["editor", "generator", "library"]
_LONGEST = 200  # characters of a text that are shown
_SEARCHED = 20_000  # characters of a text that are searched

# Tags in which a program names itself.
_NAMING = frozenset(
    {
        "Software", "ProcessingSoftware", "CreatorTool", "HistorySoftwareAgent", "Producer", "Creator", "Encoder",
        "WritingApp", "MuxingApp", "Credit", "Source", "HostComputer", "Claim_Generator", "ClaimGenerator",
        "SoftwareAgent", "ActionsSoftwareAgent", "Comment", "CreatorCode", "Application", "WriterName", "ReaderName",
        "HistorySoftware", "Writer-Editor", "OriginatingProgram", "EncoderSettings",
        "ActionsSoftwareAgentName", "Claim_Generator_InfoName",
    }
)  # fmt: skip
_FREE_NAMES = frozenset({"Comment", "Source", "Credit", "Creator"})  # people write into these too


@dataclass(frozen=True, slots=True)
class _Program:
    name: str
    role: Role
    pattern: re.Pattern[str]


def _rows(role: Role, names: dict[str, str]) -> tuple[_Program, ...]:
    return tuple(_Program(name, role, re.compile(pattern, re.IGNORECASE)) for name, pattern in names.items())


_PROGRAMS = (
    *_rows(
        "editor",
        {
            "Adobe Lightroom": r"lightroom", "Adobe Photoshop": r"photoshop", "Adobe Camera Raw": r"camera raw",
            "Adobe Illustrator": r"illustrator", "Adobe Premiere": r"premiere", "GIMP": r"\bgimp\b",
            "Affinity": r"\baffinity\b", "Capture One": r"capture one", "darktable": r"darktable",
            "RawTherapee": r"rawtherapee", "DxO": r"\bdxo\b", "Snapseed": r"snapseed", "PicsArt": r"picsart",
            "Pixelmator": r"pixelmator", "Picasa": r"\bpicasa\b", "Luminar": r"luminar", "ACDSee": r"acdsee",
            "Paint.NET": r"paint\.net", "Canva": r"\bcanva\b", "Photopea": r"photopea", "Pixlr": r"pixlr",
            "Krita": r"\bkrita\b", "CorelDRAW": r"\bcorel", "PaintShop": r"paint ?shop", "VSCO": r"\bvsco\b",
            "FaceApp": r"faceapp", "Meitu": r"meitu", "Instagram": r"instagram", "Facetune": r"facetune",
            "digiKam": r"digikam", "Inkscape": r"inkscape", "Apple Photos": r"\biphoto\b|apple photos|quicktime 7",
            "Topaz": r"\btopaz\b", "Photo Mechanic": r"photo mechanic",
            "Microsoft Photos": r"microsoft (windows )?photo|windows photo",
        },
    ),
    *_rows(
        "generator",
        {
            "Stable Diffusion": r"stable.?diffusion|automatic1111|\bsd[ -]?webui|\bsdxl\b", "ComfyUI": r"\bcomfyui",
            "Midjourney": r"\bmidjourney",
            # Dalle is a name of people and places as well.
            "DALL-E": r"\bdall[-·•. ]e\b|\bdalle[-· ]?[23]\b|^\s*dalle\s*$|\bbing image creator",
            "OpenAI": r"\bopenai\b|\bgpt-?4o|\bchatgpt", "Adobe Firefly": r"adobe.{0,3}firefly",
            "Google AI": r"made with google ai|google gemini", "NovelAI": r"\bnovelai", "InvokeAI": r"\binvoke.?ai\b",
            "Leonardo AI": r"\bleonardo\.?ai\b",
            "Ideogram": r"^\s*ideogram([ .]ai)?([ -]v?\d[\w.]*)?\s*$|\bideogram[ .]ai\b",
            "FLUX": r"\bflux\.?[12](\.1)?[ _-]*\[?(dev|schnell|pro|kontext|krea|fill|flex)\b|^\s*flux\.[12](\.1)?\s*$",
            # A library for JPEG 2000 has the same name, and a version behind it.
            "Grok": r"^\s*((generated|made) (by|with) )?(xai )?grok"
            r"([ -](imagine|image|ai|xai|\(xai\)|[0-5](\.\d)?|\d{4}))*\s*$|\bgrok\b.*\bx\.?ai\b",
            "Fooocus": r"\bfooocus", "Draw Things": r"\bdraw things\b",
        },
    ),
    *_rows(
        "library",
        {
            "ImageMagick": r"imagemagick", "GraphicsMagick": r"graphicsmagick", "gd": r"gd-jpeg",
            "Pillow": r"\bpillow\b", "FFmpeg": r"\blavf|\blavc|ffmpeg", "libvips": r"libvips",
            "ExifTool": r"exiftool", "HandBrake": r"handbrake", "Ghostscript": r"ghostscript",
        },
    ),
)  # fmt: skip

# Blocks that generators write in a form of their own, found in any text.
_BLOCKS = (
    ("Stable Diffusion", "generation parameters", re.compile(r"\bSteps: \d+, Sampler: ")),
    # A node of its graph; annotations of data sets have a "class_type" too, but no inputs beside it.
    (
        "ComfyUI",
        "a generation workflow",
        re.compile(
            r'"class_type"\s*:\s*"[^"]{1,100}"\s*,\s*"inputs"|"inputs"\s*:\s*\{.{0,2000}?"class_type"', re.DOTALL
        ),
    ),
    ("InvokeAI", "generation parameters", re.compile(r'"invokeai_metadata"|"app_version"\s*:\s*"invokeai')),
    ("SwarmUI", "generation parameters", re.compile(r'"sui_image_params"\s*:')),
    ("NovelAI", "generation parameters", re.compile(r'"request_type"\s*:\s*"PromptGenerateRequest"')),
    ("Fooocus", "generation parameters", re.compile(r'"base_model"\s*:.*"sampler"\s*:')),
    # "a castle --ar 3:2 --v 6 Job ID: 1f0c..."; printers and laboratories have jobs as well, without such parameters.
    (
        "Midjourney",
        "a job of the generator",
        re.compile(
            r"(?:^|\s)--(?:(?:v|version|niji|s|stylize|c|chaos|weird) \d|(?:ar|aspect) \d+:\d|style raw\b|[sco]ref )"
            r".{0,2000}?\bJob ID: [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
            re.DOTALL,
        ),
    ),
)
# Keywords of PNG texts (in small letters) that one generator alone uses, and how the text begins.
_KEYWORDS = {
    "invokeai_metadata": ("InvokeAI", re.compile(r"\s*\{")),
    "invokeai_graph": ("InvokeAI", re.compile(r"\s*\{")),
    "sd-metadata": ("InvokeAI", re.compile(r"\s*\{")),
    "dream": ("InvokeAI", re.compile(r'\s*".*" .*-S ?\d', re.DOTALL)),
}
_AI_SYSTEM = "AISystemUsed"  # IPTC Photo Metadata 2025.1: "the AI engine and/or the model name used to generate"
_NO_SYSTEM = re.compile(
    r"[-–—\s]*|n\.?/?a|no(ne|t)?( ai| system| tool)?( was)?( used)?|not (applicable|known)|unknown|null|nil|false",
    re.IGNORECASE,
)
# IPTC's digital source types (https://cv.iptc.org/newscodes/digitalsourcetype/): as the term, and as ExifTool words it.
_SOURCE_TYPE = re.compile(r"(composite)?\s?(?:with)?\s?trained ?algorithmic ?media|algorithmic ?media", re.IGNORECASE)


def examine(subject: Subject) -> Examined:
    """`programs`: each with `where`, `value`, and name and role when it is a known one; findings for known ones."""
    programs: list[dict[str, Any]] = []
    findings: list[Finding] = [*_photoshop_block(subject)]
    for where, tag, text in _texts(subject):
        findings += [*_blocks(where, tag, text), *_source_type(where, tag, text), *_ai_system(where, tag, text)]
        if tag in _NAMING:
            known = _known(tag, text)
            if known or tag not in _FREE_NAMES:
                programs.append(_shown(where, text, known))
            findings += [_named(where, text, program) for program in known]
    if not programs and not findings:
        msg = "its metadata name no program"
        raise NotApplicable(msg)
    return Examined({"programs": programs}, tuple(_merged(findings)))


def _shown(where: str, text: str, known: list[_Program]) -> dict[str, Any]:
    first = known[0] if known else None
    return {
        "where": where,
        "value": text[:_LONGEST],
        "name": first.name if first else None,
        "role": first.role if first else None,
    }


def _texts(subject: Subject) -> Iterator[tuple[str, str, str]]:
    """(where, tag, text) of all texts, those within structures under the structure's tag and their own name."""
    for group, tag, value in subject.tags():
        if group not in ("File", "ExifTool", "ICC_Profile", "Composite") or (group, tag) == ("File", "Comment"):
            yield from _within(f"{group}:{tag}", tag, value)


def _within(where: str, tag: str, value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str):
        yield where, tag, value[:_SEARCHED]
    elif isinstance(value, int | float) and not isinstance(value, bool) and tag in _NAMING:
        yield where, tag, str(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _within(where, name, item)
    elif isinstance(value, list):
        for item in value[:1000]:
            yield from _within(where, tag, item)


def _known(tag: str, text: str) -> list[_Program]:
    out = {"HostComputer": "generator", **dict.fromkeys(_FREE_NAMES, "editor")}.get(tag)  # a computer makes no picture
    return [program for program in _PROGRAMS if program.role != out and program.pattern.search(text)][:3]


def _named(where: str, text: str, program: _Program) -> Finding:
    what = {
        "editor": f"The file says that {program.name} wrote or changed it; that is ordinary after any editing.",
        "generator": f"The file names {program.name}, a generator of pictures.",
        "library": f"The file says that {program.name}, a library for programs, wrote or changed it.",
    }[program.role]
    data = {"name": program.name, "role": program.role, "value": text[:_LONGEST]}
    return Finding(f"{program.role}Named", what, where, "medium", METHOD, data)


def _blocks(where: str, tag: str, text: str) -> Iterator[Finding]:
    found = [(name, block) for name, block, pattern in _BLOCKS if pattern.search(text)]
    name, begins = _KEYWORDS.get(tag.lower(), ("", None))
    if begins is not None and begins.match(text):
        found.append((name, "generation parameters"))
    for name, block in found:
        what = f"The file carries {block} in the form that {name} writes."
        data = {"name": name, "role": "generator", "value": text[:_LONGEST]}
        yield Finding("generatorParameters", what, where, "high", METHOD, data)


def _ai_system(where: str, tag: str, text: str) -> Iterator[Finding]:
    if tag == _AI_SYSTEM and not _NO_SYSTEM.fullmatch(text.strip(" \t\r\n.")):
        what = "The file names the AI system that it was made with (IPTC property AI System Used)."
        data = {"name": text.strip()[:_LONGEST], "role": "generator", "value": text[:_LONGEST]}
        yield Finding("generatorNamed", what, where, "high", METHOD, data)


def _source_type(where: str, tag: str, text: str) -> Iterator[Finding]:
    found = _SOURCE_TYPE.search(text) if tag.lower().endswith(("digitalsourcetype", "digitalsourcefiletype")) else None
    if found:
        what = "The file declares that it was made, wholly or in part, by an algorithm (IPTC digital source type)."
        yield Finding("declaredSynthetic", what, where, "high", METHOD, {"value": text[:_LONGEST]})


def _photoshop_block(subject: Subject) -> Iterator[Finding]:
    names = ("PhotoshopQuality", "PhotoshopFormat", "WriterName", "SlicesGroupName", "HasRealMergedData")
    traces = [name for name in names if name in subject.group("Photoshop")]
    if traces:
        what = "The file carries resources of the kind that Adobe Photoshop writes; that is ordinary after any editing."
        data = {"name": "Adobe Photoshop", "role": "editor", "tags": traces}
        yield Finding("editorResources", what, f"Photoshop:{traces[0]}", "high", METHOD, data)


def _merged(findings: list[Finding]) -> Iterator[Finding]:
    """One finding for each kind and program; the further places are added to the first one's data."""
    first: dict[tuple[str, Any], list[Finding]] = {}
    for finding in findings:
        first.setdefault((finding.kind, finding.data.get("name")), []).append(finding)
    for one, *more in first.values():
        places = sorted({other.where for other in more} - {one.where})
        yield Finding(one.kind, one.what, one.where, one.confidence, one.method, {**one.data, "alsoIn": places[:20]})
