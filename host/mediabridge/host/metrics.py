"""What the proxy and the bridge count, in Prometheus' words (https://prometheus.io/docs/practices/naming/)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from mediabridge.bridge import PythonBridge
from mediabridge.proxy import Counts, Tally

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Counting(Protocol):
    """A proxy: `AsgiProxy` or `WsgiProxy`."""

    tally: Tally


class MetricsCollector(Collector):
    """For a host's own registry: `prometheus_client.REGISTRY.register(MetricsCollector(proxy, bridge))`."""

    def __init__(self, proxy: Counting, bridge: PythonBridge | None = None) -> None:
        self._proxy = proxy
        self._bridge = bridge

    def collect(self) -> Iterable[Metric]:
        """Part of `prometheus_client`: read at each scrape, nothing is kept twice."""
        yield from _of_the_proxy(self._proxy.tally)
        if self._bridge is not None:
            yield from _of_the_bridge(self._bridge)


def exposition(proxy: Counting, bridge: PythonBridge | None = None) -> bytes:
    """The text of `GET /metrics`; its type is `CONTENT_TYPE`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MetricsCollector(proxy, bridge))
    return generate_latest(registry)


def _of_the_proxy(tally: Tally) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "mediabridge_proxy_requests", "Requests that are over.", labels=("route", "method", "status")
    )
    failures = CounterMetricFamily(
        "mediabridge_proxy_failures", "Requests that did not go as they should, by kind.", labels=("route", "outcome")
    )
    cached = CounterMetricFamily(
        "mediabridge_proxy_cached", "Requests that were answered from memory.", labels=("route",)
    )
    in_flight = GaugeMetricFamily("mediabridge_proxy_in_flight", "Requests under way.", labels=("route",))
    bytes_in = CounterMetricFamily("mediabridge_proxy_request_bytes", "Bytes of request bodies.", labels=("route",))
    bytes_out = CounterMetricFamily("mediabridge_proxy_response_bytes", "Bytes of response bodies.", labels=("route",))
    first_byte = HistogramMetricFamily(
        "mediabridge_proxy_first_byte_seconds", "From the request to the head of the response.", labels=("route",)
    )
    for route, counts in tally.by_route().items():
        for (method, status), number in counts.requests.items():
            requests.add_metric((route, method, str(status)), number)
        for outcome, number in counts.failures.items():
            failures.add_metric((route, str(outcome)), number)
        cached.add_metric((route,), counts.cached)
        in_flight.add_metric((route,), counts.in_flight)
        bytes_in.add_metric((route,), counts.bytes_in)
        bytes_out.add_metric((route,), counts.bytes_out)
        first_byte.add_metric((route,), _buckets(counts), counts.first_byte_sum_s)
    yield from (requests, failures, cached, in_flight, bytes_in, bytes_out, first_byte)


def _buckets(counts: Counts) -> list[tuple[str, float]]:
    bounds = [*map(str, Counts.BUCKETS_S), "+Inf"]
    return list(zip(bounds, accumulate(counts.first_byte), strict=True))


def _of_the_bridge(bridge: PythonBridge) -> Iterator[Metric]:
    status = bridge.status()
    yield GaugeMetricFamily("mediabridge_sidecar_ready", "1 when a sidecar answers.", value=float(status.ready))
    yield CounterMetricFamily("mediabridge_sidecar_restarts", "Starts after the first one.", value=status.restarts)
    if status.rss_bytes is not None:
        yield GaugeMetricFamily(
            "mediabridge_sidecar_resident_bytes", "Resident memory of the sidecars.", value=status.rss_bytes
        )
