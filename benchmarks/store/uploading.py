"""Uploads of small files over connections that are kept."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import statistics
import threading
import time
from itertools import count

from photo import distinct

NUMBERS = count()  # of all uploads of a run: no two are the same file


def post(port, body, connection=None):
    """Upload; gives the hash that the server tells. Raises unless it is the body's."""
    one = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "image/jpeg", "x-filename": "photo.jpg", "x-drive-id": "bench"}
    one.request("POST", "/upload", body, headers)
    answer = one.getresponse()
    told = answer.read()
    if answer.status != 200 or json.loads(told)["contentHash"] != hashlib.sha256(body).hexdigest():
        raise RuntimeError(f"the upload answered {answer.status}: {told[:200]!r}")
    return json.loads(told)["contentHash"]


def uploads(port, jpeg, connections, seconds):
    """(uploads/s, p50 ms, p99 ms) of distinct files over `connections` connections for `seconds`."""
    times, failures = [], []
    began = time.perf_counter()

    def one():
        try:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                while time.perf_counter() - began < seconds:
                    body = distinct(jpeg, next(NUMBERS))
                    start = time.perf_counter()
                    post(port, body, connection)
                    times.append(time.perf_counter() - start)
        except (OSError, RuntimeError, http.client.HTTPException) as problem:
            failures.append(problem)

    threads = [threading.Thread(target=one) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if failures:
        raise RuntimeError(failures[0])
    cuts = statistics.quantiles(times, n=100)
    return len(times) / took, cuts[49] * 1000, cuts[98] * 1000
