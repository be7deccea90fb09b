"""Programs of others that a setting may name."""

from __future__ import annotations

import os
from pathlib import Path

from .faults import EngineUnavailable


def configured(path: Path, setting: str, without: str, install: str) -> Path:
    """The absolute path of the program that `setting` names; one that is wrong is not passed over for another.

    Raises `EngineUnavailable`: `without` is what does not work then, `install` how to get the program.
    """
    path = path.expanduser()
    if not path.is_file():
        problem = "there is no such file"
    elif not os.access(path, os.X_OK):
        problem = "the file is not executable"
    else:
        return path.absolute()
    msg = f"{without}: {setting} is {path}, and {problem}."
    raise EngineUnavailable(msg, f"Correct or unset {setting}. {install}", missing=True)
