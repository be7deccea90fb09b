"""An analyst over real children and the real ExifTool, and files with planted marks."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pictures import metadata

from mediabridge.sidecar.cache import ResultCache
from mediabridge.sidecar.cache.limits import Limits
from mediabridge.sidecar.deepfake.analyst import Analyst
from mediabridge.sidecar.deepfake.gather import start_pool
from mediabridge.sidecar.extraction import verdict
from mediabridge.sidecar.extraction.extract import Reading
from mediabridge.sidecar.isolated import Pool


@dataclass(frozen=True)
class File:
    """As routes and workers give it."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def extension(self) -> str:
        return self.path.suffix.lstrip(".").lower()

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def reading(tags: Any, extension: str) -> Reading:
    return Reading(tags, (), verdict.judge(tags, extension), "exiftool", "13.0")


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    started = start_pool(2)
    yield started
    started.close()


@pytest.fixture
def analyst(exiftool: Path, pool: Pool) -> Analyst:
    def read(file: Any, gone: object) -> tuple[Reading, bool]:
        return reading(metadata(exiftool, file.path), file.extension), False

    return Analyst(read, pool, ResultCache(Limits(100, 50 * 1024**2)))


@dataclass(frozen=True)
class Signer:
    """A signer of one's own, and the certificate (PEM) that vouches for it."""

    sign: Callable[..., None]
    root: str


_OPENSSL = """[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[leaf]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=critical,emailProtection
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[req]
distinguished_name=name
[name]
"""
_EC = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config c"


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """Signs with a key that was made for this run."""
    return new_signer(tmp_path_factory.mktemp("signer"), "Tester")


@pytest.fixture(scope="session")
def other_signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """Another one, whom nobody has to trust who trusts the first."""
    return new_signer(tmp_path_factory.mktemp("other"), "Mallory")


def new_signer(folder: Path, name: str) -> Signer:
    """A key, its certificate, and a root of their own."""
    c2pa = pytest.importorskip("c2pa")
    (folder / "c").write_text(_OPENSSL)
    for command in (
        f"req -x509 {_EC} -keyout root.key -out root.pem -subj /O={name}Root/CN=root -days 30 -extensions root",
        f"req -new {_EC} -keyout leaf.key -out leaf.csr -subj /O={name}/CN={name}",
        "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -out leaf.pem -days 9 -extfile c "
        "-extensions leaf",
        "pkcs8 -topk8 -nocrypt -in leaf.key -out leaf.p8",
    ):
        try:
            subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("openssl is not installed; it makes the certificates of this test")
    root = (folder / "root.pem").read_text()
    chain = (folder / "leaf.pem").read_text() + root
    key = (folder / "leaf.p8").read_bytes()

    def sign(
        source: Path,
        target: Path,
        manifest: dict[str, Any],
        ingredients: tuple[Path, ...] = (),
        relationship: str = "parentOf",
        trusting: str | None = None,
    ) -> None:
        """`trusting`: certificates of those whom the signer's own program trusts, for its record of ingredients."""
        info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain.encode(), key, None)
        trust = {"version": 1, "trust": {"user_anchors": trusting}} if trusting else {"version": 1}
        context = c2pa.Context(c2pa.Settings.from_dict(trust))
        with c2pa.Signer.from_info(info) as made, c2pa.Builder(manifest, context=context) as builder:
            for path in ingredients:
                with path.open("rb") as file:
                    about = {"title": "parent", "relationship": relationship, "label": "parent"}
                    builder.add_ingredient(about, "image/jpeg", file)
            with source.open("rb") as plain, target.open("w+b") as signed:
                builder.sign(made, "image/jpeg", plain, signed)

    return Signer(sign, root)


def created(source_type: str | None, *further: str) -> dict[str, Any]:
    """A manifest whose picture was created as a digital source type says; `further`: actions after that."""
    first: dict[str, Any] = {"action": "c2pa.created"}
    if source_type:
        first["digitalSourceType"] = f"http://cv.iptc.org/newscodes/digitalsourcetype/{source_type}"
    actions = [first, *({"action": name} for name in further)]
    return {
        "claim_generator_info": [{"name": "test", "version": "1"}],
        "title": "t",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": actions}}],
    }
