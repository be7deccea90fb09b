"""Supervises a Python sidecar. `PythonBridge` is the door; everything else here is what it needs or gives back."""

from .errors import (
    BridgeError,
    CrashError,
    InterpreterError,
    ListenError,
    NotRunningError,
    ReadinessError,
    StartError,
    TargetError,
)
from .lifecycle import Rules
from .listener import Listener, listen
from .options import BridgeOptions
from .output import Block, Sink
from .restart import Policy, RestartRules
from .status import ExitStatus, Failure, FailureKind, ReplicaStatus, State, Status, WhyNotReady
from .supervisor import BridgeEvent, PythonBridge
from .target import SIDECAR, Target
from .writer import Console

__all__ = [
    "SIDECAR",
    "Block",
    "BridgeError",
    "BridgeEvent",
    "BridgeOptions",
    "Console",
    "CrashError",
    "ExitStatus",
    "Failure",
    "FailureKind",
    "InterpreterError",
    "ListenError",
    "Listener",
    "NotRunningError",
    "Policy",
    "PythonBridge",
    "ReadinessError",
    "ReplicaStatus",
    "RestartRules",
    "Rules",
    "Sink",
    "StartError",
    "State",
    "Status",
    "Target",
    "TargetError",
    "WhyNotReady",
    "listen",
]
