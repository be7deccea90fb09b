"""What a bridge is told, and the command lines that come of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediabridge.bridge import SIDECAR, BridgeOptions, Policy, module, script, wsgi
from mediabridge.config import load


def test_the_settings_decide_address_and_patience() -> None:
    settings, _ = load(
        {
            "FLASK_HOST": "::1",
            "FLASK_PORT": "0",
            "FLASK_SOCKET": "/run/s",
            "PYTHON_PATH": "/opt/python",
            "FLASK_HEALTH_TIMEOUT": "1500",
            "FLASK_HEALTH_INTERVAL": "250",
            "FLASK_HEALTH_MAX_RETRIES": "4",
            "FLASK_SHUTDOWN_TIMEOUT": "700",
            "SIDECAR_RESTART": "always",
            "SIDECAR_REPLICAS": "3",
            "SIDECAR_MEMORY_LIMIT_MB": "2",
        }
    )
    options = BridgeOptions.from_settings(settings)
    rules = options.rules
    assert (options.host, options.port, options.uds, options.python) == ("::1", 0, "/run/s", "/opt/python")
    assert (rules.start_timeout_s, rules.start_interval_s, rules.start_tries, rules.grace_s) == (1.5, 0.25, 4, 0.7)
    assert (rules.restart.policy, options.replicas, options.memory_limit_bytes) == (Policy.ALWAYS, 3, 2 * 2**20)


def test_the_child_gets_the_same_settings() -> None:
    settings, _ = load({"EXTRACT_TIMEOUT": "7"})
    assert BridgeOptions.from_settings(settings).env == settings.environ()


def test_a_change_goes_before_the_settings() -> None:
    assert BridgeOptions.from_settings(load({})[0], port=7, shared=True).port == 7


def test_an_option_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError):
        BridgeOptions.from_settings(load({})[0], prot=7)


def test_a_module_is_run_with_m() -> None:
    assert module("pkg.app", "--fast").command("python") == ["python", "-m", "pkg.app", "--fast"]


def test_a_script_is_run_by_its_path() -> None:
    assert script("api_server.py", "x y").command("python") == ["python", "api_server.py", "x y"]


def test_a_wsgi_application_is_run_by_the_runner_on_the_held_socket() -> None:
    target = wsgi("pkg.app:app", health_path="/ready")
    python, runner, *rest = target.command("python")
    assert (python, Path(runner).name, rest) == ("python", "wsgi_runner.py", ["pkg.app:app", "/ready"])
    assert target.takes_socket
    assert target.echoes_nonce


def test_the_sidecar_of_ours_is_started_by_name_and_never_imported() -> None:
    assert SIDECAR.command("python") == ["python", "-m", "mediabridge.sidecar"]
    assert (SIDECAR.expect, SIDECAR.echoes_nonce, SIDECAR.own_interpreter) == ({"status": "ok"}, True, True)


def test_a_field_that_a_target_has_not_is_refused() -> None:
    with pytest.raises(TypeError):
        module("pkg", healthpath="/x")
