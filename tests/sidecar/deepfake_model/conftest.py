"""A service on a folder of its own, and one that has learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from labelled import fill
from threadpoolctl import threadpool_limits

from mediabridge.sidecar.deepfake.model import fit
from mediabridge.sidecar.deepfake.model.service import ModelService


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """As in the child: threads of a linear algebra library wait for each other at the cost of those who test too."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bootstrap moves no gate, and takes most of the time."""
    monkeypatch.setattr(fit, "DRAWS", 2)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ModelService]:
    made = ModelService(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelService]:
    """100 labels of each class, 60 golden files of each, one round in its child. For tests that change nothing."""
    made = ModelService(tmp_path_factory.mktemp("trained"))
    fill(made, range(100), range(100, 160))
    made.retrain(lambda _done, _total: None, lambda: None)
    yield made
    made.close()


@pytest.fixture(scope="session")
def copy_of(trained: ModelService) -> Callable[[Path], ModelService]:
    """The trained service once more, to be changed."""

    def copied(folder: Path) -> ModelService:
        source = trained._database()
        (folder / "copy").mkdir()
        source.run("VACUUM INTO :path", {"path": str(folder / "copy" / source.path.name)})
        return ModelService(folder / "copy")

    return copied
