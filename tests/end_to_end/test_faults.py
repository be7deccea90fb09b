"""What is missing or in the way is named with its mend, on the terminal and in the answer; the host lives."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

import pytest
from running import PROGRAM, call, multipart, until


@pytest.fixture
def taken():
    """A port that somebody else holds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def refused(url):
    """The answer once the start has failed: the log is written a moment before the state is published."""
    until(lambda: call(f"{url}/api/bridge/status")[2]["state"] == "failed", "the start has failed")
    status, _, answer = call(f"{url}/api/extract", b"x", {"Content-Type": "text/plain"})
    assert status == 503
    return answer


def assert_said_by_both(instance, answer, *words):
    """The log and the answer say the same."""
    for word in words:
        assert word in answer["message"] + answer["suggestion"]
        instance.wait_for(word.replace("(", r"\(").replace(")", r"\)"))
    assert instance.process.poll() is None


def test_a_taken_sidecar_port_names_its_holder_and_another_port(start, taken):
    instance = start("dev", "--port", "0", "--sidecar-port", str(taken))
    instance.wait_for("given up")
    assert_said_by_both(instance, refused(instance.url), f"pid {os.getpid()}", f"FLASK_PORT={taken + 1}")
    instance.interrupt()
    assert instance.end() == 0


def test_a_taken_host_port_ends_with_the_holder_s_name(start, taken):
    instance = start("dev", "--port", str(taken), "--sidecar-port", "0")
    assert instance.end() == 1
    instance.wait_for(f"pid {os.getpid()}")
    instance.wait_for(f" PORT={taken + 1}")


def test_a_missing_python_is_named(start):
    instance = start("dev", "--port", "0", "--sidecar-port", "0", env={"PYTHON_PATH": "/nowhere/python"})
    instance.wait_for("given up")
    answer = refused(instance.url)
    assert_said_by_both(instance, answer, "/nowhere/python", "PYTHON_PATH")
    assert call(f"{instance.url}/healthz")[0] == 200


def test_a_sidecar_that_does_not_import_is_explained(start, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "flask.py").write_text("import a_package_that_nobody_has\n")
    instance = start("dev", "--port", "0", "--sidecar-port", "0", env={"PYTHONPATH": str(tmp_path / "broken")})
    instance.wait_for("given up")
    answer = refused(instance.url)
    assert_said_by_both(instance, answer, "a_package_that_nobody_has", "pip install")


def test_a_missing_exiftool_leaves_the_main_fields_and_is_told(start, photo, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    env = {"PATH": str(folder), "EXIFTOOL_PATH": str(tmp_path / "no-exiftool")}
    instance = start("dev", "--port", "0", "--sidecar-port", "0", env=env)
    url = instance.ready()
    status, _, answer = call(f"{url}/api/extract", *multipart(photo.name, photo.read_bytes()))
    assert (status, answer["engine"]["name"]) == (200, "builtin")
    assert "mediabridge doctor" in answer["warnings"][0]
    instance.wait_for("ExifTool was not found")


def test_an_invalid_setting_is_warned_of_once_and_its_default_taken(start):
    env = {"FLASK_HEALTH_INTERVAL": "soon"}
    instance = start("dev", "--port", "0", "--sidecar-port", "0", env=env)
    instance.ready()
    said = [line for line in instance.lines if "FLASK_HEALTH_INTERVAL" in line]
    assert len(said) == 1
    assert "soon" in said[0]
    assert "500" in said[0]


def test_an_upload_over_the_limit_is_refused_before_it_is_sent(start):
    instance = start("dev", "--port", "0", "--sidecar-port", "0", env={"EXTRACT_MAX_MB": "1"})
    address = urllib.parse.urlsplit(instance.ready())
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.sendall(
            b"POST /api/extract HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=X\r\n"
            b"Content-Length: 2000000\r\n\r\n"
        )
        answer = b""
        while b"}" not in answer and (more := client.recv(65536)):
            answer += more
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"payload_too_large" in answer


def test_a_reader_that_stops_reading_does_not_stop_the_host():
    """Standard output is a pipe that nobody reads (`mediabridge dev | less`): requests are still answered."""
    process = subprocess.Popen(
        [PROGRAM, "dev", "--port", "0", "--sidecar-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        url = ""
        while "ready: " not in (line := process.stdout.readline().decode()):
            url = line.split()[-1] if "listening on" in line else url
        long = f"{url}/api/extract/{'p' * 2000}"  # each is logged, far more in sum than a pipe holds
        statuses = []

        def ask():
            statuses.extend(call(long)[0] for _ in range(300))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert statuses == [404] * 1200
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(15) == 0


def test_doctor_finds_what_is_there_and_what_is_not(tmp_path):
    env = {**os.environ, "PORT": "0", "FLASK_PORT": "0", "EXIFTOOL_PATH": str(tmp_path / "none")}
    done = subprocess.run([PROGRAM, "doctor", "--json"], env=env, cwd=tmp_path, capture_output=True, check=False)
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 0, "the built-in reader does the main job"
    assert checks["Python"]["ok"]
    assert not checks["ExifTool"]["ok"]
    assert "built-in reader" in checks["ExifTool"]["found"]
    assert "apt-get install" in checks["ExifTool"]["mend"]
    if shutil.which("exiftool"):
        env = {**os.environ, "PORT": "0", "FLASK_PORT": "0"}
        assert (
            subprocess.run([PROGRAM, "doctor"], env=env, cwd=tmp_path, check=False, capture_output=True).returncode == 0
        )


def test_a_sidecar_that_is_killed_under_load_costs_no_request_where_requests_may_wait(start):
    env = {"PROXY_START_WAIT": "20000", "SIDECAR_RESTART": "on-failure"}
    url = start("dev", "--port", "0", "--sidecar-port", "0", env=env).ready()
    statuses, broken, stop = [], [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                ask_on_one_connection()
            except OSError as error:
                broken.append(error)
            except http.client.IncompleteRead:
                statuses.append(200)  # killed in the middle of its answer: that is told, and nobody can mend it

    def ask_on_one_connection():
        with contextlib.closing(http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=30)) as client:
            while not stop.is_set():
                client.request("GET", "/health")
                answer = client.getresponse()
                answer.read()
                statuses.append(answer.status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(statuses) > 100, "requests are answered")
    pid = call(f"{url}/api/bridge/status")[2]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: call(f"{url}/api/bridge/status")[2]["pid"] not in (None, pid), "another sidecar is there")
    before = len(statuses)
    until(lambda: len(statuses) > before + 100, "requests are answered again")
    stop.set()
    for thread in threads:
        thread.join(30)
    assert (set(statuses), broken) == ({200}, [])
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        scrape = answer.read().decode()
    assert 'mediabridge_proxy_requests_total{method="GET",route="/health",status="200"}' in scrape
    assert "mediabridge_sidecar_restarts_total 1.0" in scrape
