# SPDX-License-Identifier: Apache-2.0
"""`limner serve`, `status` and `stop`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from limner.cli import lifecycle
from tests.conftest import stop_backend
from tests.support.backends import ServerProcess
from tests.support.command import PATIENCE_S, Command


@pytest.fixture
def limner(limner_home: Path, tmp_path: Path) -> Iterator[Command]:
    command = Command(limner_home, tmp_path)
    yield command
    stop_backend(limner_home)


def test_a_whole_life(limner: Command) -> None:
    assert limner.json("status") == {"running": False}
    assert "No backend is running" in limner.succeeds("status")
    assert "is ready on cpu at tcp://127.0.0.1:" in limner.succeeds("serve", "--device", "cpu", "--idle-timeout", "5")
    state = limner.json("status")
    assert state["running"]
    assert state["jobs"].keys() == {"waiting", "running", "done", "failed", "cancelled"}
    assert f"runs already at {state['endpoint']} (process {state['pid']})" in limner.succeeds("serve")
    told = limner.succeeds("status")
    assert f"The backend is ready at {state['endpoint']} (process {state['pid']})." in told
    assert f"worker 1: idle on cpu, process {state['workers'][0]['pid']}, 0 done, 0 restarts" in told
    assert limner.succeeds("stop") == "The backend has ended.\n"
    assert limner.succeeds("stop") == "No backend is running.\n"
    assert limner.json("status") == {"running": False}


def test_a_device_that_does_not_work_is_told_and_leaves_no_backend(limner: Command) -> None:
    broken = replace(limner, engine="tests.support.fake_engine:build_without_weights")
    assert broken.fails("serve", "--device", "cuda") == (
        "limner: The file fake.safetensors is missing. Install Limner again."
    )
    assert limner.json("status") == {"running": False}


def test_of_several_devices_the_one_that_does_not_work_is_told(limner: Command) -> None:
    partly = replace(limner, engine="tests.support.fake_engine:build_without_cuda")
    ran = partly.run("serve", "--device", "cuda:1,cpu")
    assert ran.stderr == ("limner: A worker cannot start: The device 'cuda:1' does not work here. The others work.\n")
    assert ran.stdout.startswith("The backend is ready on cpu at ")
    told = limner.succeeds("status")
    assert "worker 1: failed, 0 done, 0 restarts: The device 'cuda:1' does not work here." in told
    assert "worker 2: idle on cpu" in told


def test_status_waits_for_a_backend_on_a_busy_computer(limner: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    limner.succeeds("serve")
    pid = limner.json("status")["pid"]
    monkeypatch.setattr(lifecycle, "ANSWER_S", 0.1)
    os.kill(pid, signal.SIGSTOP)
    later = threading.Timer(1.0, os.kill, (pid, signal.SIGCONT))
    later.start()
    try:
        assert limner.json("status")["pid"] == pid
    finally:
        later.join()


def test_a_backend_that_runs_already_and_cannot_draw_is_told_and_stays(limner: Command) -> None:
    server = ServerProcess(limner.home, engine="tests.support.fake_engine:build_without_weights")
    try:
        pid = server.wait_until_listening().pid
        assert "fake.safetensors is missing" in limner.fails("serve")
        told = limner.succeeds("status")
        assert f"(process {pid})." in told
        assert "The backend runs but cannot draw at " in told
        assert "The file fake.safetensors is missing. Install Limner again." in told
        assert "worker 1: failed, 0 done, 0 restarts" in told
    finally:
        server.stop()


def test_a_stale_connection_file_is_no_backend(limner: Command) -> None:
    limner.succeeds("serve")
    pid = limner.json("status")["pid"]
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while limner.json("status")["running"]:
        assert time.monotonic() < deadline
    assert (limner.home / "connection.json").exists()
    assert limner.succeeds("stop") == "No backend is running.\n"


def test_a_damaged_connection_file_is_one_line(limner: Command) -> None:
    limner.home.mkdir()
    (limner.home / "connection.json").write_text("{")
    assert "connection.json is damaged" in limner.fails("status")
    assert "connection.json is damaged" in limner.fails("stop")


def test_in_the_foreground_it_ends_with_an_interrupt(limner: Command) -> None:
    served = subprocess.Popen(
        [sys.executable, "-m", "limner", "serve", "--foreground"],
        env=limner.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not (limner.home / "connection.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert limner.json("status")["pid"] == served.pid
        served.send_signal(signal.SIGINT)
        out, err = served.communicate(timeout=PATIENCE_S)
    finally:
        served.kill()
    assert (served.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert limner.json("status") == {"running": False}


@pytest.mark.parametrize("endpoint", ["tcp://0.0.0.0:*", "ipc:///tmp/x", "nonsense"])
def test_an_endpoint_that_is_not_allowed(limner: Command, endpoint: str) -> None:
    limner.fails("serve", "--endpoint", endpoint)
    assert limner.json("status") == {"running": False}


@pytest.mark.parametrize("arguments", [("--device", "toaster"), ("--idle-timeout", "-1"), ("--idle-timeout", "soon")])
def test_bad_usage(limner: Command, arguments: tuple[str, str]) -> None:
    assert limner.run("serve", *arguments).status == 2


def test_version_and_help(limner: Command) -> None:
    assert limner.succeeds("--version").startswith("limner 0.")
    shown = limner.succeeds("--help")
    commands = ("serve", "status", "stop", "doctor", "portrait", "shadow", "sketch", "install", "uninstall", "package")
    assert [name for name in commands if name not in shown] == []
