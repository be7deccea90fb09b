"""ONNX files written by hand, as protocol buffers: a detector that gives the mean of each colour.

The fields are those of onnx.proto3 (github.com/onnx/onnx).
"""

from __future__ import annotations

_FLOAT = 1
_VARINT, _BYTES = 0, 2


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _tensor(name: str, sides: tuple[int, ...]) -> bytes:
    """ValueInfoProto of floats."""
    shape = b"".join(_field(1, _field(1, side)) for side in sides)
    return _field(1, name) + _field(2, _field(1, _field(1, _FLOAT) + _field(2, shape)))


def mean_of_colours(side: int = 32) -> bytes:
    """1 x 3 x side x side -> 1 x 3 x 1 x 1, by GlobalAveragePool."""
    node = _field(1, "pixels") + _field(2, "means") + _field(4, "GlobalAveragePool")
    graph = _field(1, node) + _field(2, "tiny")
    graph += _field(11, _tensor("pixels", (1, 3, side, side))) + _field(12, _tensor("means", (1, 3, 1, 1)))
    return _field(1, 8) + _field(8, _field(1, "") + _field(2, 13)) + _field(7, graph)
