"""What holds for every test: no process that a test starts touches the user's own folders."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Result cache, content store and list of jobs of every sidecar that is not given its own by its test."""
    names = {"CACHE_PATH": "cache", "FILE_STORAGE_PATH": "files", "INSTANCE_PATH": "instance"}
    before = {name: os.environ.get(name) for name in names}
    os.environ |= {name: str(tmp_path_factory.mktemp(folder)) for name, folder in names.items()}
    yield
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
