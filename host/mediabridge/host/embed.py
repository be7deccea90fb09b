"""Starts and ends a bridge with somebody else's application: ASGI lifespan, or the life of a WSGI process."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from mediabridge.bridge import BridgeOptions, PythonBridge, StartError
from mediabridge.config import Settings, load
from mediabridge.proxy import Limits

log = logging.getLogger("mediabridge.host")

FIRST_BYTE_MARGIN_S = 15  # past the extraction's own limit, so that its answer is the one that arrives


def bridge_from_settings(settings: Settings | None = None, **changes: object) -> PythonBridge:
    """A bridge for embedding: settings from the environment and `mediabridge.toml`, one sidecar for all workers.

    `changes` are fields of `BridgeOptions`, for example `target=wsgi("shop.media:app")`.
    """
    if settings is None:
        settings, warnings = load(os.environ, toml=Path("mediabridge.toml"))
        for warning in warnings:
            log.warning("%s", warning)
    return PythonBridge(BridgeOptions.from_settings(settings, **{"shared": True, **changes}))


def limits_from_settings(settings: Settings | None = None) -> Limits:
    """The proxy's limits that follow from the settings: largest upload, longest answer, wait at a start, cache."""
    if settings is None:
        settings, _ = load(os.environ, toml=Path("mediabridge.toml"))
    return Limits(
        body_rule=settings.largest_body,
        first_byte_s=settings.extract_timeout_s + FIRST_BYTE_MARGIN_S,
        start_wait_s=settings.proxy_start_wait_ms / 1000,
        cache_bytes=settings.proxy_cache_mb * 1024**2,
    )


def lifespan(bridge: PythonBridge) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """For `FastAPI(lifespan=…)` and `Starlette(lifespan=…)`: the bridge starts beside the application and ends with it.

    The application serves at once; until the sidecar is ready, and when it cannot be started, the proxy answers 503.
    """

    @contextlib.asynccontextmanager
    async def run(_app: Any) -> AsyncIterator[None]:
        starting = asyncio.create_task(asyncio.to_thread(_start, bridge))
        try:
            yield
        finally:
            await asyncio.to_thread(bridge.stop)
            await starting

    return run


def _start(bridge: PythonBridge) -> None:
    with contextlib.suppress(StartError):  # logged by the bridge, told by the proxy
        bridge.start()


def run_with_process(bridge: PythonBridge) -> PythonBridge:
    """For WSGI hosts, which have no lifespan: start now, without waiting, and end with the process."""
    bridge.start(wait=False)
    atexit.register(bridge.stop)
    return bridge
