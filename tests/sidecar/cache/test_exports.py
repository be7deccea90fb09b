"""One door; and the cache knows neither the web nor an engine."""

import subprocess
import sys
from pathlib import Path

from mediabridge.sidecar import cache


def test_all_names_are_there() -> None:
    assert all(hasattr(cache, name) for name in cache.__all__)
    assert len(set(cache.__all__)) == len(cache.__all__)


def test_the_names_that_users_already_have_are_there() -> None:
    members = {
        cache.EnhancedMetadataCache: "get put get_stats get_detailed_info get_memory_status",
        cache.MemoryPressureMonitor: "get_current_stats get_history get_summary is_under_pressure is_critical_pressure"
        " get_eviction_target_mb register_pressure_callback start_monitoring stop_monitoring",
    }
    for kind, names in members.items():
        assert all(callable(getattr(kind, name)) for name in names.split())
    assert {"get_enhanced_cache", "get_global_monitor"} <= set(cache.__all__)


def test_no_web_no_engine_no_pickle() -> None:
    root = Path(cache.__path__[0])
    code = (
        "import sys, types\n"
        # The package's own __init__ is left out: it imports the app.
        "package = types.ModuleType('mediabridge.sidecar')\n"
        f"package.__path__ = [{str(root.parent)!r}]\n"
        "sys.modules['mediabridge.sidecar'] = package\n"
        "import mediabridge.sidecar.cache\n"
        "print(sorted({'flask', 'waitress', 'exiftool', 'mediabridge.sidecar.extraction.engine'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert not any("import pickle" in path.read_text("utf-8") for path in root.glob("*.py"))
