"""The held listening socket: who is in the way, and what is left alone."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediabridge.bridge import Address, Failure, FailureKind, Listener, listen
from mediabridge.bridge.listener import OwnPort, holder, listening_pids, stranger

from .doubles import LOCAL

HOLDS = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
UDS_LIMIT = 200  # bytes; sun_path has 108 (unix(7))


def opened(host: str = "127.0.0.1", port: int = 0, uds: str | None = None) -> Listener:
    listener = listen(host, port, uds)
    assert isinstance(listener, Listener), listener
    return listener


def refused(host: str = "127.0.0.1", port: int = 0, uds: str | None = None, setting: str = "FLASK") -> Failure:
    failure = listen(host, port, uds, setting=setting)
    assert isinstance(failure, Failure)
    assert failure.permanent
    assert failure.error == "Flask server failed to start"
    return failure


def test_port_0_takes_a_free_port_and_names_it() -> None:
    listener = opened()
    assert listener.address.port == listener.socket.getsockname()[1] > 0
    assert listener.address.url == f"http://127.0.0.1:{listener.address.port}"
    listener.close()


def test_a_listener_listens() -> None:
    listener = opened()
    with socket.create_connection(("127.0.0.1", listener.address.port)):
        assert listener.socket.accept()[0].close() is None
    listener.close()


def test_a_name_is_resolved() -> None:
    listener = opened("localhost")
    assert str(listener.address) == f"localhost:{listener.address.port}"
    listener.close()


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert Address("::1", 5001).url == "http://[::1]:5001"


def test_a_port_in_use_names_the_process_that_holds_it() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        failure = refused(port=port)
        process.communicate()
    assert failure.kind is FailureKind.PORT_IN_USE
    assert (
        f"127.0.0.1:{port} is already in use by pid {process.pid} ({sys.executable} -c import socket" in failure.message
    )
    assert f"FLASK_PORT={port + 1}" in failure.suggestion


def test_the_mend_names_the_setting_that_is_meant() -> None:
    listener = opened()
    assert f" PORT={listener.address.port + 1}" in refused(port=listener.address.port, setting="").suggestion
    listener.close()


def test_a_port_is_free_again_after_the_close() -> None:
    listener = opened()
    listener.close()
    again = opened(port=listener.address.port)
    again.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may listen on every port")
def test_a_privileged_port_is_refused_in_words() -> None:
    failure = refused(port=1)
    assert failure.kind is FailureKind.PERMISSION_DENIED
    assert "1024" in failure.suggestion


def test_an_address_of_another_machine_is_refused_in_words() -> None:
    failure = refused("192.0.2.1")  # TEST-NET-1, RFC 5737
    assert failure.kind is FailureKind.ADDRESS_INVALID
    assert failure.message == "192.0.2.1:0 cannot be listened on (Cannot assign requested address)."
    assert failure.suggestion == "Check FLASK_HOST and FLASK_PORT."


@pytest.mark.parametrize("host", ["no such host", "a" * 70 + ".example", "..", "\u2028", "\0"])
def test_a_host_that_is_none_is_refused_in_words(host: str) -> None:
    assert refused(host).kind is FailureKind.ADDRESS_INVALID


@pytest.mark.parametrize("port", [-1, 65536, 10**6])
def test_a_port_that_is_none_is_refused_in_words(port: int) -> None:
    assert refused(port=port).kind is FailureKind.ADDRESS_INVALID


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20), st.integers(-5, 70_000))
def test_property_an_address_is_taken_or_refused_in_words(host: str, port: int) -> None:
    answer = listen(f"{host}:", port)  # with a colon it is no name, so that no name server is asked
    if isinstance(answer, Listener):
        answer.close()
    else:
        assert answer.message
        assert answer.suggestion


def test_a_unix_socket_is_for_this_user_only(tmp_path: Path) -> None:
    listener = opened(uds=str(tmp_path / "s"))
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
    assert listener.address.url == f"unix:{tmp_path / 's'}"
    listener.close()


def test_a_unix_socket_is_removed_at_the_close(tmp_path: Path) -> None:
    opened(uds=str(tmp_path / "s")).close()
    assert not (tmp_path / "s").exists()


def test_a_stale_unix_socket_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(tmp_path / "s"))
    listener = opened(uds=str(tmp_path / "s"))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
    listener.close()


@pytest.mark.parametrize("waiting", [0, 3])
def test_a_live_unix_socket_is_refused_and_left_alone(tmp_path: Path, waiting: int) -> None:
    """Also when so many connections wait that it takes no more."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
        old.listen(0)
        clients = [socket.socket(socket.AF_UNIX) for _ in range(waiting)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(path)
        assert refused(uds=path).kind is FailureKind.PORT_IN_USE
        assert f"{path}2" in refused(uds=path).suggestion
        assert (tmp_path / "s").is_socket()
        for client in clients:
            client.close()


def test_a_file_in_the_way_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")
    assert refused(uds=str(tmp_path / "s")).kind is FailureKind.PORT_IN_USE
    assert (tmp_path / "s").read_text() == "precious"


def test_a_folder_in_the_way_is_not_removed(tmp_path: Path) -> None:
    assert refused(uds=str(tmp_path)).kind is FailureKind.PORT_IN_USE
    assert tmp_path.is_dir()


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    failure = refused(uds=str(tmp_path / "no/s"))
    assert "No such file or directory" in failure.message
    assert "FLASK_SOCKET" in failure.suggestion


def test_a_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    assert "AF_UNIX path too long" in refused(uds=str(tmp_path / ("s" * UDS_LIMIT))).message


def test_the_port_of_a_sidecar_that_binds_it_itself_is_free() -> None:
    own = OwnPort()
    port = own.find(LOCAL)
    assert isinstance(port, int)
    opened(port=port).close()
    own.close()


def test_two_sidecars_that_bind_themselves_get_two_ports() -> None:
    owns = [OwnPort() for _ in range(20)]
    assert len({own.find(LOCAL) for own in owns}) == len(owns)
    for own in owns:
        own.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the abstract namespace exists on Linux only")
def test_a_port_that_was_promised_to_one_sidecar_is_not_promised_to_another() -> None:
    first, second = OwnPort(), OwnPort()
    port = first.find(LOCAL)
    assert isinstance(port, int)
    assert not second._claimed(port)
    first.close()
    assert second._claimed(port)
    second.close()


def test_a_port_that_is_taken_is_no_port_for_a_sidecar_either() -> None:
    listener = opened()
    assert isinstance(OwnPort().find(listener.address), Failure)
    listener.close()


def test_who_listens_is_found() -> None:
    listener = opened()
    assert listening_pids(listener.address.port) == {os.getpid()}
    assert f"pid {os.getpid()} (" in holder(listener.address.port)
    listener.close()


def test_a_listener_of_our_own_tree_is_no_stranger() -> None:
    listener = opened()
    assert stranger(listener.address, lambda pid: pid == os.getpid()) == ""
    listener.close()


def test_a_listener_of_another_tree_is_named() -> None:
    listener = opened()
    assert f"pid {os.getpid()}" in stranger(listener.address, lambda pid: False)
    listener.close()


def test_where_nobody_can_tell_nobody_is_a_stranger() -> None:
    listener = opened()
    listener.close()
    assert stranger(listener.address, lambda pid: False) == ""
    assert holder(listener.address.port) == "another program (of another user, perhaps)"
