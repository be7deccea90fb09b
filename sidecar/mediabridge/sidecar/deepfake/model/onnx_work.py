"""The child's task: decodes a picture, and asks the operator's detector. The model file is untrusted here as well."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mediabridge.sidecar.images.decode import decode
from mediabridge.sidecar.images.render import upright_srgb

from .document import sigmoid

Array = NDArray[np.float32]


def judge(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """`{"model", "card", "picture"}` -> `{"raw", "model"}`: the value, and the model's SHA-256."""
    import onnxruntime  # noqa: PLC0415  an extra

    card, data = request["card"], Path(request["model"]).read_bytes()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [card["output"]] if card["output"] else [session.get_outputs()[0].name]
    tensor = prepared(Path(request["picture"]), card)
    (given,) = session.run(names, {session.get_inputs()[0].name: tensor})
    yield {"raw": chosen(np.asarray(given, dtype=np.float64), card), "model": hashlib.sha256(data).hexdigest()}


def prepared(picture: Path, card: Mapping[str, Any]) -> Array:
    """The picture as a batch of one."""
    decoded = decode(picture, lambda size: size)
    pixels = upright_srgb(decoded, decoded.size).convert("RGB")
    width, height = card["size"]
    small = np.asarray(pixels.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32) / 255
    scaled = (small - np.array(card["mean"], np.float32)) / np.array(card["std"], np.float32)
    if card["layout"] == "NCHW":
        scaled = scaled.transpose(2, 0, 1)
    return np.ascontiguousarray(scaled[None], dtype=np.float32)


def chosen(given: NDArray[np.float64], card: Mapping[str, Any]) -> float:
    """The one value that is wanted of an output. Raises `ValueError`."""
    values = given.ravel()
    if card["activation"] == "softmax":
        values = np.exp(values - values.max())
        values = values / values.sum()
    elif card["activation"] == "sigmoid":
        values = sigmoid(values)
    if not -len(values) <= card["fake"] < len(values):
        msg = f"the output has {len(values)} values, and the card asks for number {card['fake']}"
        raise ValueError(msg)
    value = float(values[card["fake"]])
    if not np.isfinite(value):
        msg = "the output is no finite number"
        raise ValueError(msg)
    return value
