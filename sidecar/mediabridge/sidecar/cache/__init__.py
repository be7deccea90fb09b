"""Results that were computed once: in memory, on disk, shared by all processes; and how scarce memory is."""

from .codec import Key, Value, key_of
from .enhanced import EnhancedMetadataCache
from .levels import MemoryStats, PressureLevel
from .limits import PROFILES, Limits
from .monitor import MemoryPressureMonitor, get_global_monitor, shutdown_monitoring
from .results import ResultCache
from .shared import forget, get_enhanced_cache, refuse_decoding_when_critical, refuse_when_critical

__all__ = [
    "PROFILES",
    "EnhancedMetadataCache",
    "Key",
    "Limits",
    "MemoryPressureMonitor",
    "MemoryStats",
    "PressureLevel",
    "ResultCache",
    "Value",
    "forget",
    "get_enhanced_cache",
    "get_global_monitor",
    "key_of",
    "refuse_decoding_when_critical",
    "refuse_when_critical",
    "shutdown_monitoring",
]
