"""The files of jobs and of models: whoever opens a new one meanwhile sees it without tables or with all of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mediabridge.sidecar.deepfake.model.schema import Database as Models
from mediabridge.sidecar.faults import StorageUnavailable
from mediabridge.sidecar.jobs.schema import Database as Jobs
from mediabridge.sidecar.sqlite_file import SqliteFile

Open = Callable[[Path], SqliteFile]


@pytest.mark.parametrize("opened", [Jobs, Models])
def test_all_who_open_a_new_file_at_once_get_it(opened: Open, tmp_path: Path) -> None:
    def tables(folder: Path) -> int:
        file = opened(folder)
        rows = file.run("SELECT count(*) AS tables FROM sqlite_master WHERE type = 'table'")
        file.close()
        return int(rows[0]["tables"])

    for turn in range(10):
        with ThreadPoolExecutor(4) as pool:
            found = set(pool.map(tables, [tmp_path / str(turn)] * 4))
        assert len(found) == 1
        assert found.pop() > 0


def test_the_file_of_one_is_not_the_others(tmp_path: Path) -> None:
    made = Jobs(tmp_path)
    made.close()
    made.path.rename(tmp_path / "deepfake.db")
    with pytest.raises(StorageUnavailable, match="another program"):
        Models(tmp_path)


def test_a_file_of_an_older_version_is_led_to_this_one(tmp_path: Path) -> None:
    made = Models(tmp_path)
    made.run("DROP TABLE learnt")
    made.run(
        "INSERT INTO labels (sha256, domain, label, labeler, operator, status, used_by, created)"
        " VALUES ('aa', 'image', 'real', 'ann', 0, 'accepted', 1, ''), ('bb', 'image', 'real', 'ann', 0, 'accepted',"
        " NULL, '')"
    )
    made.run("PRAGMA user_version=1")
    made.close()

    def learnt(_: int) -> list[str]:
        file = Models(tmp_path)
        found = [row["sha256"] for row in file.run("SELECT sha256 FROM learnt")]
        file.close()
        return found

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(learnt, range(4))) == [["aa"]] * 4


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    made = Models(tmp_path)
    made.run("PRAGMA user_version=1000")
    made.close()
    with pytest.raises(StorageUnavailable, match="another version"):
        Models(tmp_path)
