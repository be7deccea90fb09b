"""Inks without a profile -> sRGB. For the child process.

Without a profile nobody knows which press was meant. This is the usual guess, coated paper and offset inks, as a
polynomial of third degree in the amounts of ink: fitted by least squares to what libvips' built-in profile gives for
17^4 mixtures, white exact, 2.8 levels off on average. (1 - ink) * (1 - black), which Pillow does, is 14 off: its
greens and blues glow.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

# Exponents of cyan, magenta, yellow, black -> what the term adds to 255 of red, green, blue.
_TERMS = (
    ("0001", -238, -216, -208), ("0002", 92, 53, 31), ("0003", -91, -80, -69),
    ("0010", -11, -50, -209), ("0011", 6, 47, 136), ("0012", -5, -8, 52),
    ("0020", 19, 28, -2), ("0021", -4, -12, 40), ("0030", -7, -7, -49),
    ("0100", -23, -221, -151), ("0101", 35, 150, 128), ("0102", -13, 33, 1),
    ("0110", -4, 44, 159), ("0111", 10, -29, -122), ("0120", -4, -16, 6),
    ("0200", -5, 54, 27), ("0201", 4, 23, -18), ("0210", -3, 2, -26),
    ("0300", -5, -70, -3), ("1000", -274, -131, -54), ("1001", 241, 113, 45),
    ("1002", 13, 2, -8), ("1010", 50, 35, 80), ("1011", -17, -15, -68),
    ("1020", -9, -11, 21), ("1100", 163, 145, 38), ("1101", -116, -99, -7),
    ("1110", -9, -14, -42), ("1200", 4, -8, -9), ("2000", -68, 32, 28),
    ("2001", 21, -20, -5), ("2010", -23, -10, -19), ("2100", -54, -39, -9),
    ("3000", 39, -4, -10),
)  # fmt: skip
_ROWS = 64  # at a time: what is under way stays in the processor's cache


def printed(picture: Image.Image) -> Image.Image:
    """RGB of a CMYK picture."""
    inks = np.asarray(picture)
    out = np.empty((*inks.shape[:2], 3), np.uint8)
    for top in range(0, len(inks), _ROWS):
        out[top : top + _ROWS] = _strip(inks[top : top + _ROWS].astype(np.float32) / 255)
    return Image.fromarray(out)


def _strip(inks: np.ndarray) -> np.ndarray:
    light = np.full((*inks.shape[:2], 3), 255.5, np.float32)  # a half more, since what follows cuts off
    for exponents, *share in _TERMS:
        term = np.ones(inks.shape[:2], np.float32)
        for channel, exponent in enumerate(exponents):
            for _ in range(int(exponent)):
                term *= inks[..., channel]
        light += term[..., None] * np.asarray(share, np.float32)
    return np.clip(light, 0, 255).astype(np.uint8)
