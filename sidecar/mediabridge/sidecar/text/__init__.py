"""Texts of documents, and OCR of pictures and scans. Knows no HTTP; documents are opened in child processes alone.

Read `work.py` first: the child's part, from a file to its text. `shelf.py` is what the rest of the sidecar asks.
"""

from .extract import LIMITS, Texts, start_pool
from .ocr import MOST_PAGES, PAGES, Ocr, OcrLimits
from .readers import TYPES
from .shelf import LANGUAGES, Kept, TextShelf
from .tesseract import Tesseract, find_tesseract, languages_of

__all__ = [
    "LANGUAGES",
    "LIMITS",
    "MOST_PAGES",
    "PAGES",
    "TYPES",
    "Kept",
    "Ocr",
    "OcrLimits",
    "Tesseract",
    "TextShelf",
    "Texts",
    "find_tesseract",
    "languages_of",
    "start_pool",
]
