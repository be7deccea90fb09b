"""Software traces and content credentials."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from pictures import jpeg, kinds, metadata, plant, scene, subject
from PIL import Image, PngImagePlugin

from mediabridge.sidecar.analysis import credentials, picture, software
from mediabridge.sidecar.analysis.model import NotApplicable

PARAMETERS = (
    "a castle, oil painting\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"
)
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def png(exiftool: Path, path: Path, **texts: str) -> software.Subject:
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    scene(1, 32, 32).save(path, pnginfo=info)
    return subject(path, metadata(exiftool, path))


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ({"parameters": PARAMETERS}, "Stable Diffusion"),
        ({"prompt": '{"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}'}, "ComfyUI"),
        ({"Comment": '{"request_type": "PromptGenerateRequest"}', "Software": "NovelAI"}, "NovelAI"),
        ({"Description": "a castle --v 6 Job ID: 1f0c7b3a-9d1e-4b7a-8a51-0a0a0a0a0a0a"}, "Midjourney"),
    ],
)
def test_what_generators_write_into_png_is_told(
    exiftool: Path, tmp_path: Path, texts: dict[str, str], name: str
) -> None:
    examined = software.examine(png(exiftool, tmp_path / "a.png", **texts))
    found = [finding for finding in examined.findings if finding.kind == "generatorParameters"]
    assert [(finding.data["name"], finding.confidence) for finding in found] == [(name, "high")]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["-EXIF:Software=Adobe Photoshop 25.0 (Windows)"], {"editorNamed"}),
        (["-XMP:CreatorTool=GIMP 2.10"], {"editorNamed"}),
        (["-EXIF:Software=Midjourney v6"], {"generatorNamed"}),
        (["-Comment=CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90"], {"libraryNamed"}),
        ([f"-XMP-iptcExt:DigitalSourceType={TRAINED}"], {"declaredSynthetic"}),
        (["-UserComment=Steps: 20, Sampler: Euler a, CFG scale: 7"], {"generatorParameters"}),
    ],
)
def test_planted_traces_are_told(exiftool: Path, tmp_path: Path, tags: list[str], expected: set[str]) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(scene(1, 32, 32)))
    plant(exiftool, path, *tags)
    assert kinds(software.examine(subject(path, metadata(exiftool, path)))) == expected


@pytest.mark.parametrize("firmware", ["Ver.1.00", "17.5.1", "Canon EOS R5 Firmware Version 1.8.1", 1.4])
def test_a_cameras_firmware_is_a_fact_and_no_finding(firmware: object) -> None:
    examined = software.examine(subject(Path("a.jpg"), {"EXIF": {"Software": firmware}}))
    assert examined.findings == ()
    assert examined.facts["programs"] == [
        {"where": "EXIF:Software", "value": str(firmware), "name": None, "role": None}
    ]


def test_one_program_in_many_places_is_one_finding() -> None:
    tags = {"EXIF": {"Software": "Adobe Lightroom 7"}, "XMP": {"CreatorTool": "Adobe Lightroom 7", "History": [
        {"Action": "saved", "SoftwareAgent": "Adobe Lightroom 7"}]}}  # fmt: skip
    (finding,) = software.examine(subject(Path("a.jpg"), tags)).findings
    assert (finding.where, finding.data["alsoIn"]) == ("EXIF:Software", ["XMP:CreatorTool", "XMP:History"])


def test_words_about_a_generator_are_no_trace() -> None:
    tags = {
        "XMP": {"Description": "The Midjourney pavilion", "Title": "Photoshop course", "Creator": ["Affinity Jones"]}
    }
    with pytest.raises(NotApplicable):
        software.examine(subject(Path("a.jpg"), tags))


def kinds_of(group: str, tag: str, text: object) -> list[tuple[str, str]]:
    try:
        found = software.examine(subject(Path("a.jpg"), {group: {tag: text}})).findings
    except NotApplicable:
        return []
    return [(one.data["role"], one.data["name"]) for one in found]


JOB = "Job ID: 1f0c7b3a-9d1e-4b7a-8a51-0a0a0a0a0a0a"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (f"a castle --ar 3:2 --stylize 80 --v 6.1 {JOB}", True),
        (f"--niji 5 {JOB}", True),
        (f"a cat --style raw --sref https://s.mj.run/x {JOB}", True),
        (JOB, False),
        (f"Printed at the town hall. {JOB}", False),
        (f"convert --quality 90 in.tif {JOB}", False),
        (f"{JOB} tool --v 6", False),
        ("a castle --ar 3:2 --v 6", False),
    ],
)
def test_a_job_is_midjourneys_with_its_parameters_before_it(text: str, is_one: bool) -> None:
    assert kinds_of("PNG", "Description", text) == ([("generator", "Midjourney")] if is_one else [])


@pytest.mark.parametrize(
    "text",
    ["none", "None.", "N/A", "n/a.", "NA", "n.a.", "no", "-", "–", "--", "Not used", "none used", "No AI used",
     "unknown", "Unknown.", "null", " ", "not applicable", "None was used"],
)  # fmt: skip
def test_that_no_system_was_used_is_no_finding(text: str) -> None:
    assert kinds_of("XMP", "AISystemUsed", text) == []
    assert kinds_of("XMP", "AISystemUsed", ["Nano"]) == [("generator", "Nano")]


@pytest.mark.parametrize("text", ["Nonesuch 2", "NovelAI", "Note AI", "unknown model of Midjourney", "NA-Gen"])
def test_a_system_is_told_whatever_its_name(text: str) -> None:
    assert ("generator", text) in kinds_of("XMP", "AISystemUsed", text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("DALL-E 3", "DALL-E"), ("DALL·E", "DALL-E"), ("OpenAI DALL-E 2", "DALL-E"), ("dalle3", "DALL-E"),
        ("DALLE", "DALL-E"), ("Grok", "Grok"), ("Grok Imagine", "Grok"), ("xAI Grok 2", "Grok"),
        ("grok-2-image-1212", "Grok"), ("Grok, by xAI", "Grok"), ("FLUX.1 [dev]", "FLUX"), ("flux1-dev", "FLUX"),
        ("FLUX1.1 [pro]", "FLUX"), ("FLUX.1", "FLUX"), ("FLUX.1 Kontext", "FLUX"), ("Ideogram 2.0", "Ideogram"),
        ("ideogram.ai", "Ideogram"), ("ComfyUI", "ComfyUI"), ("Leonardo.AI", "Leonardo AI"), ("InvokeAI", "InvokeAI"),
        ("Midjourney v6", "Midjourney"), ("Fooocus v2.5.5", "Fooocus"), ("StableDiffusionXL", "Stable Diffusion"),
    ],
)  # fmt: skip
def test_generators_name_themselves(text: str, name: str) -> None:
    assert ("generator", name) in kinds_of("EXIF", "Software", text)
    assert kinds_of("EXIF", "HostComputer", text) == [], "a computer may be called anything"


@pytest.mark.parametrize(
    "text",
    ["Grok image library 10.0", "Grok 10.0", "Created by Grok version 9.2", "Dalle Photo Studio 2", "Fratelli Dalle",
     "flux1", "Flux 1.2 colour", "flux.10", "Kanji Ideogram Maker", "Kendall E", "Leonardo Aichinger", "NotMidjourney"],
)  # fmt: skip
def test_names_that_hold_a_generators_name_are_others(text: str) -> None:
    assert kinds_of("EXIF", "Software", text) == []


def test_without_credentials_there_is_nothing_to_say(tmp_path: Path) -> None:
    pytest.importorskip("c2pa")
    (tmp_path / "a.jpg").write_bytes(jpeg(scene(1, 32, 32)))
    with pytest.raises(NotApplicable, match="no content credentials"):
        credentials.examine(subject(tmp_path / "a.jpg", {"File": {"MIMEType": "image/jpeg"}}))
    with pytest.raises(NotApplicable, match="reads no text/plain"):
        credentials.examine(subject(tmp_path / "a.jpg", {"File": {"MIMEType": "text/plain"}}))


def test_photoshops_resources_are_told() -> None:
    examined = software.examine(subject(Path("a.jpg"), {"Photoshop": {"PhotoshopQuality": 10, "XResolution": 72}}))
    assert kinds(examined) == {"editorResources"}
    with pytest.raises(NotApplicable):  # other programs write this one too
        software.examine(subject(Path("a.jpg"), {"Photoshop": {"XResolution": 72}}))


PROVENANCE = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{}"/>
</rdf:RDF></x:xmpmeta>"""


def test_credentials_elsewhere_are_told_and_not_fetched(tmp_path: Path) -> None:
    pytest.importorskip("c2pa")
    path = tmp_path / "a.jpg"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/a.c2pa"
        path.write_bytes(jpeg(scene(1, 32, 32), xmp=PROVENANCE.format(address).encode()))
        examined = credentials.examine(subject(path, {"File": {"MIMEType": "image/jpeg"}}))
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert kinds(examined) == {"credentialsRemote"}
    assert address in examined.findings[0].data["reason"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK"])
def test_pictures_of_any_mode_are_read(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    Image.new(mode, (20, 20)).save(path)
    with picture.open_picture(path) as opened:
        assert picture.upright(opened, 10).mode == "RGB"


def test_pictures_of_too_many_pixels_are_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("1", (20_000, 20_000)).save(path)
    with pytest.raises(NotApplicable, match=r"100000000|DecompressionBombError"):
        picture.open_picture(path)


def test_formats_of_other_programs_are_not_opened(tmp_path: Path) -> None:
    """Pillow would start Ghostscript for this."""
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    with pytest.raises(NotApplicable):
        picture.open_picture(tmp_path / "a.eps")
