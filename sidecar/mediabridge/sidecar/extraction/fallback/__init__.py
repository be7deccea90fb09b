"""The main fields of a file without ExifTool."""

from .extractor import NAME, WARNING, BuiltinExtractor

__all__ = ["NAME", "WARNING", "BuiltinExtractor"]
