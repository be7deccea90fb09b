"""What a file's bytes, tags and pixels say about its history: facts and findings, each with how sure and how found."""

from .analyse import NAMES, Analysis, analyse
from .model import Examined, Facts, Finding

__all__ = ["NAMES", "Analysis", "Examined", "Facts", "Finding", "analyse"]
