"""An upstream that is never the bottleneck: `python upstream.py PORT`. Swallows bodies, answers small or 1 MB."""

import contextlib
import socket
import sys
import threading

SMALL = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'
MEGABYTE = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 1048576\r\n\r\n" + bytes(
    1 << 20
)


def body_left(head, rest):
    """Bytes still to come: a number, or -1 for a chunked body."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:]) - len(rest)
        if line.startswith(b"transfer-encoding:"):
            return -1
    return 0


def swallow(connection, left, rest):
    buffer = bytearray(1 << 20)
    if left < 0:
        tail = rest[-5:]
        while tail != b"0\r\n\r\n":
            count = connection.recv_into(buffer)
            if not count:
                return False
            tail = (tail + bytes(buffer[max(0, count - 5) : count]))[-5:]
        return True
    while left > 0:
        count = connection.recv_into(buffer)
        if not count:
            return False
        left -= count
    return True


def serve(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pending = b""
    while True:
        while b"\r\n\r\n" not in pending:
            data = connection.recv(65536)
            if not data:
                return
            pending += data
        head, _, pending = pending.partition(b"\r\n\r\n")
        left = body_left(head, pending)
        if left:
            if not swallow(connection, left, pending):
                return
            pending = b""
        connection.sendall(MEGABYTE if b"/megabyte" in head[:200] else SMALL)


def until_it_leaves(connection):
    with connection, contextlib.suppress(OSError):
        serve(connection)


def main():
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024) as server:
        while True:
            threading.Thread(target=until_it_leaves, args=(server.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main()
