"""What speaks for and against a file, one piece at a time: the shape that every method answers in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Json = Any  # str | int | float | bool | None | list[Json] | dict[str, Json]
Kind = Literal["provenance", "measurement", "external_model"]
Status = Literal["found", "none", "not_applicable", "error"]
Direction = Literal["declares_ai", "declares_capture", "suggests_edit", "neutral"]
Strength = Literal["declared", "moderate", "weak"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece. `finding` is a sentence, `caveat` says what it does not show, `method` how it was found.

    `status`: `found` – there is something to look at; `none` – it was looked for and is not there; `not_applicable` –
    it cannot be looked for in this file; `error` – the method failed. `strength` is None unless something was found.
    """

    id: str
    kind: Kind
    status: Status
    finding: str
    method: str
    caveat: str
    direction: Direction = "neutral"
    strength: Strength | None = None
    value: Mapping[str, Json] = field(default_factory=dict)

    @property
    def declares_ai(self) -> bool:
        """Whether the file itself declares that an algorithm made it, wholly or in part."""
        return self.status == "found" and self.direction == "declares_ai" and self.strength == "declared"

    @property
    def vouches_for_capture(self) -> bool:
        """Whether a signer whom the operator trusts says that a camera captured it."""
        return self.status == "found" and self.direction == "declares_capture" and self.strength == "declared"

    def to_json(self) -> dict[str, Json]:
        """As the answer shows it."""
        return {**asdict(self), "value": dict(self.value)}

    @classmethod
    def from_json(cls, told: Mapping[str, Json]) -> Evidence:
        """What `to_json` made."""
        return cls(**told)


@dataclass(frozen=True, slots=True)
class Picture:
    """A map: a small PNG to look at. `scale`: pixels of the upright picture that one pixel of the map stands for.

    A `scale` of 0 says that its pixels are no places in the picture (a spectrum).
    """

    id: str
    width: int
    height: int
    scale: int
    reads_as: str
    png: bytes

    def to_json(self, data: str) -> dict[str, Json]:
        """As the answer shows it; `data` is the PNG in base64."""
        return {
            "id": self.id,
            "mediaType": "image/png",
            "width": self.width,
            "height": self.height,
            "scale": self.scale,
            "readsAs": self.reads_as,
            "data": data,
        }


def without_result(id: str, kind: Kind, status: Status, why: str, method: str = "", caveat: str = "") -> Evidence:  # noqa: A002  the answer's own name
    """The evidence of a method that has nothing to say; `why` is a clause."""
    words = "No result" if status == "error" else "Not applicable"
    return Evidence(id, kind, status, f"{words}: {why}.", method, caveat)
