"""What holds for every test: no process that a test starts touches the user's own folders."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The result cache of every sidecar that is not given one by its test."""
    before = os.environ.get("CACHE_PATH")
    os.environ["CACHE_PATH"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["CACHE_PATH"]
    else:
        os.environ["CACHE_PATH"] = before
