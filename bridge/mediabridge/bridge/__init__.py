"""Supervises a Python sidecar. `PythonBridge` is the door; everything else here is what it needs or gives back."""

from .child import Child, Launch
from .control import event_json, status_json
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
from .interpreter import Machine
from .interpreter import find as find_python
from .lifecycle import Rules
from .listener import Address, Listener, listen
from .options import BridgeOptions
from .output import Block, Sink
from .report import WORKER_NAME, BridgeEvent
from .restart import Policy, RestartRules
from .status import ExitStatus, Failure, FailureKind, ReplicaStatus, State, Status, WhyNotReady
from .supervisor import PythonBridge, Route
from .target import SIDECAR, Target, module, script, wsgi
from .writer import Console

__all__ = [
    "SIDECAR",
    "WORKER_NAME",
    "Address",
    "Block",
    "BridgeError",
    "BridgeEvent",
    "BridgeOptions",
    "Child",
    "Console",
    "CrashError",
    "ExitStatus",
    "Failure",
    "FailureKind",
    "InterpreterError",
    "Launch",
    "ListenError",
    "Listener",
    "Machine",
    "NotRunningError",
    "Policy",
    "PythonBridge",
    "ReadinessError",
    "ReplicaStatus",
    "RestartRules",
    "Route",
    "Rules",
    "Sink",
    "StartError",
    "State",
    "Status",
    "Target",
    "TargetError",
    "WhyNotReady",
    "event_json",
    "find_python",
    "listen",
    "module",
    "script",
    "status_json",
    "wsgi",
]
