"""Planted marks are found; words about them are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import jpeg, metadata, plant, scene, subject
from PIL import PngImagePlugin

from mediabridge.sidecar.deepfake import Evidence
from mediabridge.sidecar.deepfake.provenance import source_types, traces

SD = "a lighthouse at dawn\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"
COMFY = '{"3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 20}}}'
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def with_text(path: Path, **texts: str) -> Path:
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    scene(1, 64, 64).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(
    ("texts", "by"),
    [
        ({"parameters": SD}, "generator_parameters"),
        ({"prompt": COMFY, "workflow": "{}"}, "generator_parameters"),
        ({"Software": "NovelAI"}, "generator_named"),
        ({"invokeai_metadata": '{"generation_mode": "txt2img", "seed": 1}'}, "generator_parameters"),
        ({"sd-metadata": '{"model": "sd", "image": {"seed": 1}}'}, "generator_parameters"),
        ({"Dream": '"a cat" -s 50 -S 1234 -W 512'}, "generator_parameters"),
        ({"parameters": '{"sui_image_params": {"prompt": "a cat", "seed": 1}}'}, "generator_parameters"),
        ({"Description": "a cat --v 6 Job ID: 0b1ae2c4-0d5f-4a7c-9d6e-3f2a1b0c9d8e"}, "generator_parameters"),
    ],
)
def test_a_generators_text_in_a_png(exiftool: Path, tmp_path: Path, texts: dict[str, str], by: str) -> None:
    path = with_text(tmp_path / "a.png", **texts)
    found = traces.gather_generators(subject(path, metadata(exiftool, path)))
    assert (found.declares_ai, found.value["declaredBy"]) == (True, by)


@pytest.mark.parametrize(
    ("tag", "declares"),
    [
        (f"-EXIF:UserComment={SD}", True),
        ("-XMP:CreatorTool=Adobe Firefly", True),
        ("-EXIF:Software=Stable Diffusion WebUI", True),
        ("-IPTC:Credit=Made with Google AI", True),
        ("-XMP-tiff:Software=Adobe_Firefly", True),
        ("-IPTC:Credit=Photo: Midjourney Museum", False),
        ("-File:Comment=compared with DALL-E", False),
        ('-EXIF:UserComment={"1": {"inputs": {"text": ["2", 0]}, "class_type": "CLIPTextEncode"}}', True),
    ],
)
def test_a_generators_text_in_a_jpeg(exiftool: Path, tmp_path: Path, tag: str, declares: bool) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(scene(1, 64, 64)))
    plant(exiftool, path, tag)
    found = traces.gather_generators(subject(path, metadata(exiftool, path)))
    assert (found.status, found.declares_ai) == ("found", declares)


@pytest.mark.parametrize(
    "tags",
    [
        {"EXIF": {"Software": "FIREFLY 8SE V1.2"}},  # an action camera
        {"Jpeg2000": {"Comment": "Created by Grok version 10.0.5"}},  # a library for JPEG 2000
        {"PNG": {"Dream": "of a better world", "Parameters": "f = 50 mm"}},
        {"XMP": {"AISystemUsed": " "}},
    ],
)
def test_what_only_sounds_like_a_generator_is_none(tmp_path: Path, tags: dict[str, Any]) -> None:
    assert traces.gather_generators(subject(tmp_path / "a.jpg", tags)).status == "none"


def test_the_ai_system_of_iptc(tmp_path: Path) -> None:
    found = traces.gather_generators(subject(tmp_path / "a.jpg", {"XMP": {"AISystemUsed": "ChatGPT DALL-E"}}))
    assert (found.declares_ai, found.value["declaredBy"]) == (True, "generator_named")


def test_an_annotation_is_no_workflow(tmp_path: Path) -> None:
    tags = {"EXIF": {"ImageDescription": '{"class_type": "dog", "box": [1, 2, 3, 4]}', "Make": "Canon"}}
    assert traces.gather_generators(subject(tmp_path / "a.jpg", tags)).status == "none"


@pytest.mark.parametrize(
    ("term", "declares"),
    [
        ("trainedAlgorithmicMedia", True),
        ("compositeWithTrainedAlgorithmicMedia", True),
        ("algorithmicMedia", False),
        ("digitalCapture", False),
        ("compositeCapture", False),
    ],
)
@pytest.mark.parametrize("prefix", [VOCABULARY, VOCABULARY.replace("http:", "https:"), "digsrctype:", ""])
def test_the_digital_source_type(exiftool: Path, tmp_path: Path, term: str, prefix: str, declares: bool) -> None:
    found = source_types.gather(subject(tmp_path / "a.jpg", {"XMP": {"DigitalSourceType": prefix + term}}))
    assert (found.status, found.declares_ai) == ("found", declares)
    assert not found.vouches_for_capture
    assert term in found.finding


def test_the_digital_source_type_as_exiftool_reads_it(exiftool: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(scene(1, 64, 64)))
    plant(exiftool, path, f"-XMP-iptcExt:DigitalSourceType#={VOCABULARY}trainedAlgorithmicMedia")
    assert source_types.gather(subject(path, metadata(exiftool, path))).declares_ai


@settings(max_examples=50)
@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_no_metadata_without_the_property_declare_anything(value: Any) -> None:
    """Whatever else they hold."""
    found = source_types.gather(subject(Path("a.jpg"), {"XMP": {"Title": value, "Description": "digitalSourceType"}}))
    assert found.status == "none"


def test_editors_are_neutral_facts(exiftool: Path, tmp_path: Path) -> None:
    tags = {"EXIF": {"Software": "Adobe Photoshop 25.0"}, "Photoshop": {"PhotoshopQuality": 10}}
    found = traces.gather_editors(subject(tmp_path / "a.jpg", tags))
    assert (found.status, found.direction, found.strength) == ("found", "neutral", "weak")
    assert "Photoshop" in found.finding
    assert traces.gather_generators(subject(tmp_path / "a.jpg", tags)).status == "none"


@pytest.mark.parametrize(("seed", "status", "strength"), [(3, "none", None), (4, "found", "moderate")])
def test_a_thumbnail_of_another_picture(
    exiftool: Path, tmp_path: Path, seed: int, status: str, strength: str | None
) -> None:
    path, small = tmp_path / "a.jpg", tmp_path / "small.jpg"
    path.write_bytes(jpeg(scene(3)))
    small.write_bytes(jpeg(scene(seed).resize((160, 120))))
    plant(exiftool, path, f"-ThumbnailImage<={small}")
    found = traces.gather_thumbnail(subject(path))
    assert (found.status, found.strength) == (status, strength)
    assert found.direction == ("suggests_edit" if status == "found" else "neutral")


def test_pieces_are_complete(exiftool: Path, tmp_path: Path) -> None:
    path = with_text(tmp_path / "a.png", parameters=SD)
    one = subject(path, metadata(exiftool, path))
    for found in (source_types.gather(one), traces.gather_generators(one), traces.gather_editors(one)):
        assert isinstance(found, Evidence)
        assert found.caveat.endswith(".")
        assert found.finding.endswith((".", ")"))
        assert found.method
