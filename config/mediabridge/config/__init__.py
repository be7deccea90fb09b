"""Settings of mediabridge: one table, one reader, nothing read from the environment later."""

from .settings import Mode, Settings, Warned, load
from .table import TABLE, Setting
from .uploads import ENVELOPE, LargestBody, largest_body

__all__ = ["ENVELOPE", "TABLE", "LargestBody", "Mode", "Setting", "Settings", "Warned", "largest_body", "load"]
