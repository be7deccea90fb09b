"""The file `deepfake.db`: opened, and asked. SQLite with a write-ahead log: many read while one writes.

Samples are features, never pictures. A file is known by its SHA-256 and its domain (pictures, frames of clips).
"""

from __future__ import annotations

from pathlib import Path

from mediabridge.sidecar.sqlite_file import Shape, SqliteFile

NAME = "deepfake.db"
_SCHEMA = 2
_APPLICATION = 0x6D656466  # "medf", in the header of our files (PRAGMA application_id)
_LEARNT = """
CREATE TABLE IF NOT EXISTS learnt (  -- what a model was trained with, also when its label is gone
    sha256 TEXT NOT NULL,
    domain TEXT NOT NULL,
    PRIMARY KEY (sha256, domain)
) WITHOUT ROWID;
"""
_TABLES = """
CREATE TABLE IF NOT EXISTS analyses (  -- one each time that a file was analysed
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    domain TEXT NOT NULL,
    verdict TEXT NOT NULL,
    in_domain INTEGER,  -- NULL: no model was asked
    created TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS analyses_of ON analyses (sha256, domain);
CREATE TABLE IF NOT EXISTS samples (
    sha256 TEXT NOT NULL,
    domain TEXT NOT NULL,
    feature_version INTEGER NOT NULL,
    vector BLOB NOT NULL,  -- little-endian doubles
    facts TEXT NOT NULL,
    declared_ai INTEGER NOT NULL,
    PRIMARY KEY (sha256, domain)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 TEXT NOT NULL,
    domain TEXT NOT NULL,
    label TEXT NOT NULL CHECK (label IN ('real', 'fake')),
    labeler TEXT NOT NULL,
    operator INTEGER NOT NULL,
    source TEXT,
    status TEXT NOT NULL CHECK (status IN ('accepted', 'quarantined', 'conflict', 'check')),
    reason TEXT,
    used_by INTEGER,  -- the model that was first trained with it
    created TEXT NOT NULL,
    UNIQUE (sha256, domain, labeler)
);
CREATE INDEX IF NOT EXISTS labels_by_status ON labels (domain, status, label, sha256);
CREATE INDEX IF NOT EXISTS labels_by_labeler ON labels (labeler, operator, created);
CREATE TABLE IF NOT EXISTS golden (
    sha256 TEXT NOT NULL,
    domain TEXT NOT NULL,
    label TEXT NOT NULL CHECK (label IN ('real', 'fake')),
    labeler TEXT NOT NULL,
    created TEXT NOT NULL,
    PRIMARY KEY (sha256, domain)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS models (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    domain TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('champion', 'archived')),
    parent INTEGER,
    document TEXT NOT NULL,  -- JSON, see document.py
    measured TEXT NOT NULL,  -- JSON: golden-set metrics and what may be served
    created TEXT NOT NULL,
    since TEXT NOT NULL  -- when it last became the champion
);
CREATE UNIQUE INDEX IF NOT EXISTS one_champion ON models (domain) WHERE state = 'champion';
CREATE TABLE IF NOT EXISTS rounds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    domain TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'promoted', 'rejected', 'refused', 'failed')),
    begun REAL NOT NULL,  -- Unix seconds
    pid INTEGER NOT NULL,  -- of who runs it
    result TEXT,
    started TEXT NOT NULL,
    ended TEXT
);
"""
_LEARNT_BEFORE = "INSERT OR IGNORE INTO learnt SELECT sha256, domain FROM labels WHERE used_by IS NOT NULL;"
_SHAPE = Shape(
    NAME, _APPLICATION, _SCHEMA, _TABLES + _LEARNT, "the labels and models", erased=True,
    upgrades={1: _LEARNT + _LEARNT_BEFORE},
)  # fmt: skip


class Database(SqliteFile):
    """The file in an instance's folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, _SHAPE)
