"""Reads the settings once: flag, environment, `mediabridge.toml`, default (CONTRACT §2); says what it could not use."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .table import TABLE, Setting
from .uploads import largest_body

_SHOWN = 100  # characters of a bad value that a warning repeats
_HIDDEN = "(hidden)"
_MIB = 1024 * 1024

Mode = Literal["development", "production"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, complete and valid. The unit stands in the name; `None` means "not set"."""

    host: str
    port: int
    flask_host: str
    flask_port: int
    flask_socket: str | None
    flask_health_timeout_ms: int
    flask_health_interval_ms: int
    flask_health_max_retries: int
    flask_shutdown_timeout_ms: int
    python_path: str | None
    node_env: Mode
    flask_env: Mode
    log_level: Literal["auto", "debug", "info", "warning", "error"]
    sidecar_restart: Literal["never", "on-failure", "always"]
    proxy_start_wait_ms: int
    proxy_cache_mb: int
    sidecar_replicas: int
    sidecar_worker: Literal["on", "off"]
    sidecar_memory_limit_mb: int
    exiftool_path: str | None
    ffmpeg_path: str | None
    tesseract_path: str | None
    extract_timeout_s: int
    extract_health_timeout_s: int
    extract_max_mb: int
    extract_max_mb_free: int
    extract_max_mb_premium: int
    extract_max_mb_forensic: int
    extract_processes: int
    extract_recycle_files: int
    extract_recycle_mb: int
    file_storage_path: str | None
    file_storage_quota_mb: int
    instance_path: str | None
    database_url: str | None
    timezone: str | None
    deepfake_onnx: str | None
    deepfake_operator_token: str | None
    deepfake_trust_anchors: str | None
    import_roots: str | None
    export_roots: str | None
    cache_path: str | None
    cache_files_mb: int
    cache_profile: Literal["development", "staging", "production", "constrained"]
    image_presets: str | None

    @property
    def extract_max_bytes(self) -> int:
        """Largest upload in bytes."""
        return self.extract_max_mb * _MIB

    @property
    def file_storage_quota_bytes(self) -> int:
        """Bytes of originals that one drive may store; 0 = no limit."""
        return self.file_storage_quota_mb * _MIB

    @property
    def cache_files_bytes(self) -> int:
        """Bytes of derived files that are kept; 0 = no limit."""
        return self.cache_files_mb * _MIB

    @property
    def tier_sizes(self) -> dict[str, int]:
        """Tier -> bytes of the largest file that it takes; none takes more than the server does at all."""
        rows = {
            "free": self.extract_max_mb_free,
            "premium": self.extract_max_mb_premium,
            "forensic": self.extract_max_mb_forensic,
            "enterprise": self.extract_max_mb,
        }
        return {name: min(size, self.extract_max_mb) * _MIB for name, size in rows.items()}

    def largest_body(self, path: str, query: str) -> int:
        """Bytes that the body of a request may have; see `uploads.largest_body`."""
        return largest_body(self.tier_sizes, path, query)

    def environ(self) -> dict[str, str]:
        """The same settings as environment variables, for a child process; unset ones are left out."""
        values = {row.name: getattr(self, row.field) for row in TABLE}
        return {name: _text(value) for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Warned:
    """One value that could not be used. `str()` is the sentence for the log."""

    name: str
    value: str
    problem: str
    taken: object

    def __str__(self) -> str:
        """One sentence: the variable, its value, what is wrong with it, what was taken."""
        taken = (
            ""
            if self.taken is ...
            else f"; {self.taken!r} is used"
            if self.taken is not None
            else "; it counts as unset"
        )
        return f"{self.name}={self.value!r} is ignored: {self.problem}{taken}"


def load(
    environ: Mapping[str, str],
    *,
    flags: Mapping[str, object] | None = None,
    toml: Path | None = None,
    mode: Mode = "development",
) -> tuple[Settings, tuple[Warned, ...]]:
    """Read all settings.

    `flags` maps variable names to what the command line gave (`None` = not given); `toml` is the path of a
    `mediabridge.toml`, which may be missing; `mode` picks the defaults of `dev` or of `serve`. Never raises for a
    bad value: there is one `Warned` per invalid one and its default is taken. An empty value counts as missing.
    """
    file_values, warnings = _read_toml(toml)
    sources = (_texts(flags or {}), environ, file_values)
    found = {}
    for row in TABLE:
        default = row.default_serve if mode == "production" and row.default_serve is not ... else row.default
        raw = next((source[row.name] for source in sources if source.get(row.name, "").strip()), None)
        if raw is None:
            found[row.field] = default
            continue
        try:
            found[row.field] = row.parse(raw.strip())
        except ValueError as problem:
            warnings.append(Warned(row.name, _shown(row, raw), str(problem), default))
            found[row.field] = default
    return Settings(**found), tuple(warnings)  # type: ignore[arg-type]  # the table's parsers give the fields' types


def _shown(row: Setting, raw: str) -> str:
    if row.secret:
        return _HIDDEN
    return raw if len(raw) <= _SHOWN else raw[:_SHOWN] + "…"


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: _text(value) for name, value in values.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read_toml(path: Path | None) -> tuple[dict[str, str], list[Warned]]:
    if path is None or not path.exists():
        return {}, []
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as problem:
        return {}, [Warned(path.name, str(path), f"the file cannot be read ({problem})", ...)]
    known = {row.name: row for row in TABLE}
    values: dict[str, str] = {}
    warnings = []
    for key, value in content.items():
        name = key.upper()
        if name not in known:
            # What it is for is not known: it may be a secret.
            warnings.append(Warned(key, _HIDDEN, f"{path.name} has no such setting", ...))
        elif isinstance(value, (str, int, float)):
            values[name] = _text(value)
        else:
            warnings.append(Warned(key, _shown(known[name], str(value)), "it is not a text or a number", ...))
    return values, warnings
