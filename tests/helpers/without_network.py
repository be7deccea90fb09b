"""Runs a task in a process that the kernel kills when it opens a socket of the internet (seccomp(2)). Linux alone."""

import ctypes
import platform
import socket
import struct
from collections.abc import Iterator
from typing import Any

_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2  # prctl(2)
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF: load a word, jump if equal, return
_KILL, _ALLOW = 0x80000000, 0x7FFF0000
_SOCKET = {"x86_64": 41, "aarch64": 198}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def supported() -> bool:
    return platform.system() == "Linux" and platform.machine() in _SOCKET


def forbid() -> None:
    """From now on, socket(AF_INET or AF_INET6, …) ends this process. Raises `OSError` where the kernel refuses."""
    rows = [
        (_LOAD, 0, 0, 0),  # the number of the call
        (_EQUAL, 0, 4, _SOCKET[platform.machine()]),
        (_LOAD, 0, 0, 16),  # its first argument
        (_EQUAL, 1, 0, socket.AF_INET),
        (_EQUAL, 0, 1, socket.AF_INET6),
        (_RETURN, 0, 0, _KILL),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *row) for row in rows)
    program = _Program(len(rows), code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp is refused")


def examine(request: Any) -> Iterator[Any]:
    forbid()
    from mediabridge.sidecar.deepfake import work

    yield from work.examine(request)


def open_a_socket(request: Any) -> Iterator[Any]:
    forbid()
    yield {"forbidden": True}, b""
    family = socket.AF_INET6 if request["six"] else socket.AF_INET
    socket.socket(family).close()
    yield {"opened": True}, b""
