"""The table of settings of CONTRACT §2. A new one is a row here and a field in `Settings`."""

from __future__ import annotations

from dataclasses import dataclass

from . import values

_DAY_MS = 24 * 60 * 60 * 1000
_TIB_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: the variable, the field of `Settings` that takes it, how its text is read, what holds without it."""

    name: str
    field: str
    parse: values.Parse
    default: object
    meaning: str
    default_serve: object = ...  # where production differs; `...` means that it does not
    secret: bool = False


TABLE: tuple[Setting, ...] = (
    Setting("HOST", "host", values.text, "127.0.0.1", "address where the proxy host listens"),
    Setting("PORT", "port", values.port, 8080, "port where the proxy host listens; 0 = any free one"),
    Setting("FLASK_HOST", "flask_host", values.text, "127.0.0.1", "address where the sidecar listens"),
    Setting("FLASK_PORT", "flask_port", values.port, 5001, "port where the sidecar listens; 0 = any free one"),
    Setting("FLASK_SOCKET", "flask_socket", values.text, None, "Unix domain socket instead of host and port"),
    Setting(
        "FLASK_HEALTH_TIMEOUT",
        "flask_health_timeout_ms",
        values.whole(1, _DAY_MS),
        10_000,
        "ms from the start until readiness is given up",
    ),
    Setting(
        "FLASK_HEALTH_INTERVAL",
        "flask_health_interval_ms",
        values.whole(1, _DAY_MS),
        500,
        "ms between two readiness polls",
    ),
    Setting(
        "FLASK_HEALTH_MAX_RETRIES",
        "flask_health_max_retries",
        values.whole(1, 1_000_000),
        10,
        "polls that may fail before readiness is given up",
    ),
    Setting(
        "FLASK_SHUTDOWN_TIMEOUT",
        "flask_shutdown_timeout_ms",
        values.whole(0, _DAY_MS),
        5_000,
        "ms from SIGTERM to SIGKILL; 0 = at once",
    ),
    Setting("PYTHON_PATH", "python_path", values.text, None, "interpreter of the sidecar; else it is detected"),
    Setting(
        "NODE_ENV",
        "node_env",
        values.choice("development", "production"),
        "development",
        "mode of the host",
        "production",
    ),
    Setting(
        "FLASK_ENV",
        "flask_env",
        values.choice("development", "production"),
        "development",
        "mode of the sidecar",
        "production",
    ),
    Setting(
        "LOG_LEVEL",
        "log_level",
        values.choice("auto", "debug", "info", "warning", "error"),
        "auto",
        "least level of log lines: `debug`, `info`, `warning`, `error`; `auto` is `info` in development, "
        "`warning` in production",
    ),
    Setting(
        "SIDECAR_RESTART",
        "sidecar_restart",
        values.choice("never", "on-failure", "always"),
        "never",
        "what happens after the sidecar has ended by itself",
        "on-failure",
    ),
    Setting(
        "PROXY_START_WAIT",
        "proxy_start_wait_ms",
        values.whole(0, _DAY_MS),
        0,
        "ms that a request waits for a sidecar that is starting, before it is answered 503",
    ),
    Setting(
        "PROXY_CACHE_MB",
        "proxy_cache_mb",
        values.whole(0, 1024**2),
        64,
        "memory of the host for small answers that never change, such as thumbnails; 0 keeps none",
    ),
    Setting(
        "SIDECAR_REPLICAS",
        "sidecar_replicas",
        values.whole(1, 64),
        1,
        "sidecar processes",
    ),
    Setting(
        "SIDECAR_WORKER",
        "sidecar_worker",
        values.choice("on", "off"),
        "on",
        "`on`: a worker runs beside the sidecar and does what is queued; `off`: it is started elsewhere, or not at all",
    ),
    Setting(
        "SIDECAR_MEMORY_LIMIT_MB",
        "sidecar_memory_limit_mb",
        values.whole(0, 1_000_000),
        1280,
        "resident memory past which a sidecar is drained and replaced; 0 = no limit",
    ),
    Setting(
        "EXIFTOOL_PATH",
        "exiftool_path",
        values.text,
        None,
        "ExifTool; else the one on PATH, else the bundled one",
    ),
    Setting(
        "FFMPEG_PATH",
        "ffmpeg_path",
        values.text,
        None,
        "FFmpeg, with ffprobe beside it; else the one on PATH, else videos have no pictures and no details",
    ),
    Setting(
        "TESSERACT_PATH",
        "tesseract_path",
        values.text,
        None,
        "Tesseract; else the one on PATH, else no text is read from pictures and scans",
    ),
    Setting("EXTRACT_TIMEOUT", "extract_timeout_s", values.whole(1, 86_400), 180, "s that one extraction may take"),
    Setting(
        "EXTRACT_HEALTH_TIMEOUT",
        "extract_health_timeout_s",
        values.whole(1, 3_600),
        10,
        "s that the health check may take",
    ),
    Setting("EXTRACT_MAX_MB", "extract_max_mb", values.whole(1, _TIB_MB), 2048, "largest upload, in MiB"),
    Setting(
        "EXTRACT_MAX_MB_FREE",
        "extract_max_mb_free",
        values.whole(1, _TIB_MB),
        10,
        "largest file of tier `free`, in MiB",
    ),
    Setting(
        "EXTRACT_MAX_MB_PREMIUM",
        "extract_max_mb_premium",
        values.whole(1, _TIB_MB),
        100,
        "largest file of tier `premium`, in MiB",
    ),
    Setting(
        "EXTRACT_MAX_MB_FORENSIC",
        "extract_max_mb_forensic",
        values.whole(1, _TIB_MB),
        500,
        "largest file of tier `forensic`, in MiB",
    ),
    Setting(
        "EXTRACT_PROCESSES",
        "extract_processes",
        values.whole(0, 256),
        0,
        "ExifTool processes of a sidecar; 0 = one for each core, 16 at most",
    ),
    Setting(
        "EXTRACT_RECYCLE_FILES",
        "extract_recycle_files",
        values.whole(0, 1_000_000_000),
        5000,
        "files after which an ExifTool process is replaced, between two files; 0 = never",
    ),
    Setting(
        "EXTRACT_RECYCLE_MB",
        "extract_recycle_mb",
        values.whole(0, 1_000_000),
        256,
        "resident memory past which an ExifTool process is replaced, between two files; 0 = no limit",
    ),
    Setting(
        "FILE_STORAGE_PATH",
        "file_storage_path",
        values.text,
        None,
        "folder of the originals that are uploaded; else `mediabridge/files` below the user's data folder",
    ),
    Setting(
        "FILE_STORAGE_QUOTA_MB",
        "file_storage_quota_mb",
        values.whole(0, 1024 * _TIB_MB),
        0,
        "MiB of originals that one drive (`x-drive-id`) may store; 0 = no limit",
    ),
    Setting(
        "INSTANCE_PATH",
        "instance_path",
        values.text,
        None,
        "folder of the list of jobs, on a local disk; else `mediabridge/instance` below the user's data folder",
    ),
    Setting(
        "DATABASE_URL",
        "database_url",
        values.database,
        None,
        "database of the library, `sqlite:////folder/library.db` or `postgresql://user@host/name` (needs "
        "`mediabridge[postgres]`); else `library.db` in INSTANCE_PATH",
        secret=True,
    ),
    Setting(
        "TIMEZONE",
        "timezone",
        values.zone,
        None,
        "zone of times that carry none, as `Europe/Berlin`; else the machine's",
    ),
    Setting(
        "DEEPFAKE_ONNX",
        "deepfake_onnx",
        values.text,
        None,
        "a detector of your own, as an ONNX file with a card beside it (needs `mediabridge[onnx]`); further evidence",
    ),
    Setting(
        "DEEPFAKE_OPERATOR_TOKEN",
        "deepfake_operator_token",
        values.text,
        None,
        "what `X-Deepfake-Operator` must carry to retrain, to label with the operator's rights and to delete; "
        "else who calls from this machine may",
        secret=True,
    ),
    Setting(
        "DEEPFAKE_TRUST_ANCHORS",
        "deepfake_trust_anchors",
        values.text,
        None,
        "file of certificates (PEM) whose signers of content credentials are trusted; else nobody is",
    ),
    Setting(
        "IMPORT_ROOTS",
        "import_roots",
        values.text,
        None,
        "folders, separated as PATH is, below which `POST /api/import-path` may read; without it, that is off",
    ),
    Setting(
        "EXPORT_ROOTS",
        "export_roots",
        values.text,
        None,
        "folders, separated as PATH is, below which `POST /api/library/export` may write; without it, that is off",
    ),
    Setting(
        "CACHE_PATH",
        "cache_path",
        values.text,
        None,
        "folder of derived files and of the result cache; else `mediabridge/cache` below the user's data folder",
    ),
    Setting(
        "CACHE_FILES_MB",
        "cache_files_mb",
        values.whole(0, 1024 * _TIB_MB),
        10_240,
        "MiB of derived files that are kept; past it, those that nobody has asked for longest go; 0 = no limit",
    ),
    Setting(
        "CACHE_PROFILE",
        "cache_profile",
        values.choice("development", "staging", "production", "constrained"),
        "development",
        "size of the result cache (entries in memory, MB on disk): "
        "`development` 100, 50; `staging` 500, 200; `production` 2000, 1000; `constrained` 200, 100",
        "staging",
    ),
    Setting(
        "IMAGE_PRESETS",
        "image_presets",
        values.text,
        None,
        "further picture presets, or ours with other values: `card=640x480:webp:75, wide=3000` "
        "(at most that wide and high, format, quality, `exif+gps` to keep metadata)",
    ),
)
