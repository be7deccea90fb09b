"""What is known of files that are compared, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mediabridge.sidecar.images.perceptual import PerceptualHash

# `exact`: the same bytes. `same_picture`: the same pixels or nearly, in another file. `resized`, `edited`: made of it.
# `burst`: another frame of the same scene, never a duplicate. `crop`: perhaps a part of it, never called a duplicate.
Kind = Literal["exact", "same_picture", "resized", "edited", "burst", "crop"]
Certainty = Literal["certain", "high", "medium", "low"]
CERTAINTIES: tuple[Certainty, ...] = ("low", "medium", "high", "certain")
GroupKind = Literal["duplicates", "burst", "crop"]
DUPLICATES: frozenset[Kind] = frozenset({"exact", "same_picture", "resized", "edited"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A file of the library as the comparison needs it.

    `size` in bytes, `width` and `height` upright. `moment`: the local time at which it was taken, fractions of a second
    included; None unless it is known to the second with a confidence of `high` or `medium`. `original_tags`, `camera`,
    `burst_id` and `content_id` are those of `traits`. `folder` and `name` tell companions.
    """

    id: int
    sha256: str
    size: int
    kind: Literal["picture", "raw", "video"] = "picture"
    hash: PerceptualHash | None = None
    width: int = 0
    height: int = 0
    duration_s: float | None = None
    moment: datetime | None = None
    original_tags: int = 0
    camera: str | None = None
    burst_id: str | None = None
    content_id: str | None = None
    folder: str = ""
    name: str = ""

    @property
    def pixels(self) -> int:
        """How many there are."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Relation:
    """How one file is like another. `similarity`: 0 to 1, 1 for equal bytes alone."""

    kind: Kind
    certainty: Certainty
    similarity: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A file in its group; `relation` is that to the keeper, None for the keeper itself."""

    id: int
    relation: Relation | None
    reasons: tuple[str, ...]  # of the keeper: why it is to be kept; of the others: why they are like it


@dataclass(frozen=True, slots=True)
class Group:
    """Files that are all like one of them, the keeper, which comes first. In a `burst` nobody is to be discarded."""

    kind: GroupKind
    members: tuple[GroupMember, ...]

    @property
    def keeper(self) -> int:
        """The file that is suggested."""
        return self.members[0].id


@dataclass(frozen=True, slots=True)
class Companions:
    """Files that belong together and are no duplicates: a RAW file and its JPEG, a still and its moving part."""

    kind: Literal["raw+jpeg", "live"]
    certainty: Certainty
    ids: tuple[int, ...]
    reasons: tuple[str, ...]
