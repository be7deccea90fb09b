"""Duplicates: the same bytes, the same picture, and what only looks so, said with how sure it is.

Read `relation.py` first. Knows no database, no HTTP and decodes nothing: hashes come from `images` (`PERCEPTUAL`).
"""

from mediabridge.sidecar.images.perceptual import NotAHashError, PerceptualHash

from .companions import companions
from .grouping import find_groups
from .index import HashIndex, Hit, NotAnIndexError
from .model import DUPLICATES, Companions, Group, GroupMember, Picture, Relation
from .relation import compare
from .traits import Traits, traits

__all__ = [
    "DUPLICATES",
    "Companions",
    "Group",
    "GroupMember",
    "HashIndex",
    "Hit",
    "NotAHashError",
    "NotAnIndexError",
    "PerceptualHash",
    "Picture",
    "Relation",
    "Traits",
    "companions",
    "compare",
    "find_groups",
    "traits",
]
