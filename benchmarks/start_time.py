"""Time from the command to `/readyz` 200, and from SIGINT to the end; medians of several runs. `make bench-start`."""

import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

RUNS = 9
PROGRAM = Path(sys.executable).with_name("mediabridge")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def ready(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except OSError:
        return False


def one_run():
    port = free_port()
    began = time.perf_counter()
    process = subprocess.Popen(
        [PROGRAM, "dev", "--port", str(port), "--sidecar-port", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not ready(f"http://127.0.0.1:{port}/readyz"):
        time.sleep(0.01)
    started = time.perf_counter() - began
    began = time.perf_counter()
    process.send_signal(signal.SIGINT)
    code = process.wait(30)
    return started, time.perf_counter() - began, code


def main():
    runs = [one_run() for _ in range(RUNS)]
    for name, values in (("start to ready", [run[0] for run in runs]), ("SIGINT to end", [run[1] for run in runs])):
        print(f"{name}: median {statistics.median(values):.2f} s, {min(values):.2f} to {max(values):.2f} s")
    print(f"exit codes: {sorted({run[2] for run in runs})}")


if __name__ == "__main__":
    main()
