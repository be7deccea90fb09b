"""`mediabridge status`, without a process where none is needed."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mediabridge.host import ask


@contextmanager
def answering(body, status=200):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


STATUS = {
    "state": "ready",
    "why": None,
    "failure": None,
    "replicas": [
        {"name": "Python", "state": "ready", "pid": 7, "startedAt": "2026-11-25T10:00:00.000Z", "rssBytes": 47185920,
         "restarts": 2}
    ],
}  # fmt: skip


@pytest.mark.parametrize(("state", "code"), [("ready", 0), ("starting", 4), ("failed", 4), ("backoff", 4)])
def test_the_exit_code_tells_ready_from_running(state, code):
    with answering(json.dumps({**STATUS, "state": state}).encode()) as port:
        assert ask.exit_code(ask.ask("127.0.0.1", port)) == code


def test_nothing_there_is_exit_code_3_with_the_command_that_starts_it():
    answer = ask.ask("127.0.0.1", 1)
    assert ask.exit_code(answer) == 3
    assert "mediabridge dev" in ask.in_words(answer)
    assert json.loads(ask.as_json(answer))["state"] == "not_running"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'"ready"'])
def test_another_program_on_the_port_is_not_taken_for_ours(body):
    with answering(body) as port:
        answer = ask.ask("127.0.0.1", port)
    assert ask.exit_code(answer) == 3
    assert "another program" in ask.in_words(answer)


def test_the_words_name_every_process():
    words = ask.in_words(STATUS, datetime(2026, 11, 25, 12, 30, tzinfo=UTC))
    assert words.splitlines()[0] == "ready"
    for part in ("Python", "pid 7", "up 2 h", "45 MB", "restarts 2"):
        assert part in words


def test_a_failure_is_told_with_its_mend():
    failed = {
        **STATUS,
        "state": "failed",
        "why": "exited",
        "failure": {"message": "It died.", "suggestion": "Feed it."},
    }
    assert ask.in_words(failed).splitlines()[:3] == ["failed (exited)", "It died.", "Feed it."]
