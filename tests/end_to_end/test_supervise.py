"""`mediabridge supervise`: JSON lines out, words in, gone when the input ends or the host dies."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest
from running import PROGRAM, alive, signal_quietly, until

APP = """
def app(environ, start_response):
    print("line of the child")
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]
"""


class Supervised:
    def __init__(self, folder, *args):
        (folder / "shop.py").write_text(APP)
        self.process = subprocess.Popen(
            [PROGRAM, "supervise", "--sidecar-port", "0", "--cwd", str(folder), *(args or ("--wsgi", "shop:app"))],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def event(self, *names):
        """The next event of one of these names."""
        for line in self.process.stdout:
            event = json.loads(line)  # every line is JSON, whatever the child prints
            if event["event"] in names:
                return event
        raise AssertionError(f"ended without {names}")

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()


@pytest.fixture
def supervise(tmp_path):
    started = []

    def begin(*args):
        started.append(Supervised(tmp_path, *args))
        return started[-1]

    yield begin
    for one in started:
        one.close()


def ask(event, path="/"):
    request = urllib.request.Request(event["url"] + path, headers={"X-Mediabridge-Token": event["token"]})
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.read()


def test_the_worker_is_told_of_under_names_of_its_own(supervise, tmp_path, monkeypatch):
    """Who waits for `ready` waits for the sidecar, which may come after the worker."""
    for name in ("FILE_STORAGE_PATH", "CACHE_PATH", "INSTANCE_PATH"):
        monkeypatch.setenv(name, str(tmp_path / name))
    one = supervise("--health-path", "/health")
    seen = {}
    while not {"ready", "worker_ready"} <= seen.keys():
        event = one.event("ready", "worker_ready", "failed", "worker_failed")
        seen[event["event"]] = event
    assert "worker_failed" not in seen
    assert seen["ready"]["url"].startswith("http://127.0.0.1:")
    assert seen["ready"]["replica"] == "Python"
    assert (seen["worker_ready"]["replica"], "url" in seen["worker_ready"]) == ("worker", False)
    one.say("stop")
    assert one.process.wait(20) == 0


def test_ready_says_where_and_with_which_token(supervise):
    ready = supervise().event("ready")
    assert ask(ready) == b"hello"
    assert ready["pid"] == ready["status"]["pid"]


def test_the_end_of_the_input_ends_everything_with_code_0(supervise):
    one = supervise()
    pid = one.event("ready")["pid"]
    one.process.stdin.close()
    assert one.event("stopped")["event"] == "stopped"
    assert one.process.wait(10) == 0
    assert not alive({pid})


def test_stop_ends_everything_with_code_0(supervise):
    one = supervise()
    one.event("ready")
    one.say("stop")
    one.event("stopped")
    assert one.process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_with_code_0(supervise, number):
    one = supervise()
    pid = one.event("ready")["pid"]
    one.process.send_signal(number)
    assert one.process.wait(15) == 0
    assert not alive({pid})


def test_status_and_reload_are_answered(supervise):
    one = supervise()
    first = one.event("ready")
    one.say("status")
    assert one.event("status")["status"]["state"] == "ready"
    one.say('{"command": "reload"}')
    second = one.event("ready")
    assert second["pid"] != first["pid"]
    assert second["url"] == first["url"]
    one.event("retired")
    assert ask(second) == b"hello"


def test_an_unknown_word_is_told_which_there_are(supervise):
    one = supervise()
    one.event("ready")
    one.say("dance")
    assert "reload" in one.event("error")["suggestion"]


def test_a_failed_start_is_an_event_with_message_mend_and_stderr(supervise):
    one = supervise("--wsgi", "no_such_module:app")
    failure = one.event("failed")["failure"]
    assert failure["kind"] == "target_missing"
    assert failure["message"]
    assert failure["suggestion"]
    assert "no_such_module" in failure["stderrHead"]


def test_a_crash_is_an_event_with_the_signal(supervise):
    one = supervise()
    os.kill(one.event("ready")["pid"], signal.SIGKILL)
    assert one.event("exited")["failure"]["exit"]["signal"] == "SIGKILL"


def test_what_the_child_prints_goes_to_stderr_prefixed(supervise):
    one = supervise()
    ask(one.event("ready"))
    assert any(line == "[Python] line of the child\n" for line in one.process.stderr)


def test_nothing_is_left_when_the_supervisor_is_killed(supervise):
    one = supervise()
    pid = one.event("ready")["pid"]
    one.process.kill()
    until(lambda: not alive({pid}), "the sidecar is gone", 2)


def test_two_targets_at_once_are_refused(tmp_path):
    done = subprocess.run(
        [PROGRAM, "supervise", "--wsgi", "a:b", "--module", "c"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "one of" in done.stderr


HOST = """
import os, sys, json, time, subprocess
print(json.dumps({k: os.environ.get(k) for k in ("SIDECAR_URL", "SIDECAR_TOKEN", "MEDIABRIDGE_URL")}), flush=True)
sleeper = subprocess.Popen(["sleep", "600"], start_new_session=True)
print("sleeper", sleeper.pid, flush=True)
if "end" in sys.argv:
    sys.exit(int(sys.argv[-1]))
time.sleep(600)
"""


@pytest.fixture
def own_server(tmp_path):
    path = tmp_path / "own_server.py"
    path.write_text(HOST)
    return [sys.executable, str(path)]


def test_dev_runs_the_user_s_command_with_the_addresses_in_its_environment(start, own_server):
    instance = start("dev", "--port", "0", "--sidecar-port", "0", "--", *own_server)
    said = json.loads(instance.wait_for(r"\[host\] (\{.*)")[1])
    assert said["MEDIABRIDGE_URL"] == instance.url
    request = urllib.request.Request(
        said["SIDECAR_URL"] + "/health", headers={"X-Mediabridge-Token": said["SIDECAR_TOKEN"]}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 200
    sleeper = int(instance.wait_for(r"\[host\] sleeper (\d+)")[1])
    tree = instance.tree() | {sleeper}
    instance.interrupt()
    assert instance.end() == 0
    until(lambda: not alive(tree), "everything is gone")


@pytest.mark.parametrize("code", [0, 7])
def test_dev_ends_with_the_command_and_its_exit_code(start, own_server, code):
    instance = start("dev", "--port", "0", "--sidecar-port", "0", "--", *own_server, "end", str(code))
    sleeper = int(instance.wait_for(r"\[host\] sleeper (\d+)")[1])
    assert instance.end() == code
    assert not alive({sleeper})


def test_dev_that_is_killed_takes_the_command_and_its_children_with_it(start, own_server):
    instance = start("dev", "--port", "0", "--sidecar-port", "0", "--", *own_server)
    sleeper = int(instance.wait_for(r"\[host\] sleeper (\d+)")[1])
    tree = instance.tree() | {sleeper}
    instance.process.kill()
    until(lambda: not alive(tree), "everything is gone", 2)


def test_a_command_that_is_not_there_is_named(start):
    instance = start("dev", "--port", "0", "--sidecar-port", "0", "--", "no-such-program-anywhere")
    instance.wait_for("no-such-program-anywhere")
    assert instance.end() == 127


def test_the_command_s_crash_does_not_hide_behind_a_frozen_sidecar(start, own_server):
    instance = start(
        "dev", "--port", "0", "--sidecar-port", "0", "--", *own_server, env={"FLASK_SHUTDOWN_TIMEOUT": "500"}
    )
    command = int(instance.wait_for(r"\[host\] sleeper (\d+)")[1])
    tree = instance.tree()
    for pid in tree - {command}:
        signal_quietly(pid, signal.SIGSTOP)
    instance.interrupt()
    assert instance.end(15) == 0
    until(lambda: not alive(tree), "everything is gone")
