"""Settings of mediabridge: one table, one reader, nothing read from the environment later."""

from .settings import Mode, Settings, Warned, load
from .table import TABLE, Setting

__all__ = ["TABLE", "Mode", "Setting", "Settings", "Warned", "load"]
