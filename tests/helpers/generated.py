"""Pictures as a lens and a sensor might give them, and as a decoder that up-samples might: for training in tests.

Content, noise and JPEG qualities come from the same distributions for both kinds; what differs is how pixels were made.
"""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mediabridge.sidecar.deepfake.model import features

SIDE = 128
Array = NDArray[np.floating]
_KERNEL = np.array([0.22, 0.56, 0.22])


def picture(seed: int, *, fake: bool, side: int = SIDE) -> NDArray[np.uint8]:
    """Decoded from a JPEG of a quality between 75 and 95, whichever it is."""
    random = np.random.default_rng([seed, int(fake)])
    scene = _scene(random, 2 * side)
    sharp = _halved(scene)
    pixels = sharp
    if fake:
        share = random.uniform(0.05, 0.35)  # how much of the picture the decoder made: some leave few traces
        pixels = share * _upsampled(_halved(sharp)) + (1 - share) * sharp
    pixels = pixels + random.normal(0, random.uniform(2, 6), pixels.shape)
    return jpeg(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), int(random.integers(75, 96)))


@cache
def sample(seed: int, *, fake: bool) -> tuple[dict[str, float], str]:
    """Features and fingerprint of a picture."""
    pixels = picture(seed, fake=fake)
    return features.extract(pixels), features.fingerprint(pixels)


def jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Saved and opened again."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"))


def _scene(random: np.random.Generator, side: int) -> Array:
    """Energy falls with frequency as in nature; a few hard edges lie over it."""
    fall = _distances(side) ** -random.uniform(1.0, 1.5)
    waves = random.normal(size=(2, *fall.shape)).astype(np.float32)
    grey = np.fft.irfft2((waves[0] + 1j * waves[1]) * fall).astype(np.float32)
    grey *= random.uniform(25, 50) / grey.std()
    at = np.arange(side)
    for _ in range(int(random.integers(3, 8))):
        y, x, reach = *random.uniform(0, side, 2), random.uniform(side / 16, side / 3)
        inside = ((at - y) ** 2)[:, None] + ((at - x) ** 2)[None] < reach**2
        grey[inside] = grey[inside] * random.uniform(0.3, 1) + random.uniform(-60, 60)
    tint = random.uniform(0.7, 1.1, 3)
    return np.asarray(128 + grey[..., None] * tint + random.uniform(-20, 20, 3), np.float32)


@cache
def _distances(side: int) -> Array:
    """Of each frequency from the middle."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]).astype(np.float32)
    frequency[0, 0] = 1
    return frequency


def _halved(pixels: Array) -> Array:
    return np.asarray((pixels[::2, ::2] + pixels[1::2, ::2] + pixels[::2, 1::2] + pixels[1::2, 1::2]) / 4)


def _upsampled(small: Array) -> Array:
    """A transposed convolution: zeros between the pixels, then a kernel whose halves do not quite match."""
    for axis in (0, 1):
        grown = np.repeat(small, 2, axis=axis)
        small = sum(weight * np.roll(grown, at, axis) for at, weight in zip((-1, 0, 1), _KERNEL, strict=True))
    return small
