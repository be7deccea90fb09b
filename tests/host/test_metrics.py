"""What a scrape sees: the proxy's and the bridge's figures in Prometheus' format, read by Prometheus' own parser."""

import asyncio

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mediabridge.bridge import PythonBridge
from mediabridge.bridge.testing import pretend
from mediabridge.config import load
from mediabridge.host import BridgeUpstream, MetricsCollector
from mediabridge.host.app import create_app
from mediabridge.host.metrics import CONTENT_TYPE
from mediabridge.proxy import AsgiProxy, Routes
from mediabridge.proxy.account import Account
from mediabridge.proxy.request import Request


def ask(app, path, method="GET"):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"a.test")], "http_version": "1.1", "client": ("127.0.0.1", 1), "scheme": "http",
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return dict(sent[0]["headers"]), b"".join(part.get("body", b"") for part in sent[1:])


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_the_host_s_metrics_tell_of_requests_and_of_the_sidecar():
    with pretend(failure="It is broken."):
        bridge = PythonBridge()
        bridge.start(wait=False)
        app = create_app(bridge, load({})[0])
        ask(app, "/health")
        ask(app, "/api/extract", "BREW")
        headers, text = ask(app, "/metrics")
    assert headers[b"content-type"].decode() == CONTENT_TYPE
    found = samples(text)
    route = ("route", "/health")
    assert found["mediabridge_proxy_requests_total", ("method", "GET"), route, ("status", "503")] == 1
    assert found["mediabridge_proxy_failures_total", ("outcome", "not_ready"), route] == 1
    assert found["mediabridge_proxy_response_bytes_total", route] > 100
    assert found["mediabridge_proxy_in_flight", route] == 0
    other = ("mediabridge_proxy_requests_total", ("method", "other"), ("route", "/api/extract"), ("status", "503"))
    assert found[other] == 1
    assert found["mediabridge_sidecar_ready",] == 0
    assert found["mediabridge_sidecar_restarts_total",] == 0


def test_the_histogram_is_cumulative_and_ends_with_all():
    with pretend():
        bridge = PythonBridge()
        app = AsgiProxy(BridgeUpstream(bridge), routes=Routes.of("/api"))
    registry = CollectorRegistry()
    registry.register(MetricsCollector(app))
    account_of(app, 0.004)
    account_of(app, 0.2)
    account_of(app, 500.0)
    found = samples(generate_latest(registry))

    def below(bound):
        return found["mediabridge_proxy_first_byte_seconds_bucket", ("le", bound), ("route", "/api")]

    assert [below(bound) for bound in ("0.0025", "0.005", "0.25", "180.0", "+Inf")] == [0, 1, 2, 2, 3]
    assert found["mediabridge_proxy_first_byte_seconds_count", ("route", "/api")] == 3


def account_of(proxy, first_s):
    account = Account("/api", Request({"type": "http", "headers": []}, b"/api"))
    account.first_byte_at = account._started_at + first_s
    proxy.tally.end(account)
