# SPDX-License-Identifier: Apache-2.0
"""Which Python starts the backend, and in which environment."""

from __future__ import annotations

import importlib.util
import os
import stat
import subprocess
import sys

import pytest

from limner.client import BackendError, interpreter
from limner.client.interpreter import (
    InstallRecord,
    child_environment,
    find_python,
    read_install_record,
    scrub,
    write_install_record,
)

EDITOR = {
    "PYTHONHOME": "/tmp/.mount_krita/usr",
    "PYTHONPATH": "/tmp/.mount_krita/usr/lib/krita-python-libs",
    "LD_LIBRARY_PATH": "/tmp/.mount_krita/usr/lib",
    "LD_PRELOAD": "x.so",
    "DYLD_LIBRARY_PATH": "/Applications/krita.app/lib",
    "SSL_CERT_FILE": "/tmp/.mount_krita/cert.pem",
    "APPDIR": "/tmp/.mount_krita",
    "APPIMAGE": "/home/user/krita.appimage",
    "PATH": os.pathsep.join(["/tmp/.mount_krita/usr/bin", "/usr/bin", "/bin"]),
}
USER = {"HOME": "/home/user", "LANG": "de_DE.UTF-8", "LIMNER_HOME": "/home/user/x", "CUDA_VISIBLE_DEVICES": "1"}


@pytest.fixture
def nested(monkeypatch):
    """As if this package were the copy inside a plugin."""
    monkeypatch.setattr(interpreter, "_is_nested", lambda: True)


@pytest.fixture
def other_python(tmp_path):
    path = tmp_path / "venv" / "bin" / "python3.11"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_backends_own_python_is_taken_outside_the_editors(home, other_python):
    write_install_record(other_python, "0.1.0")
    assert find_python() == sys.executable


def test_a_plugin_takes_the_recorded_python(home, nested, other_python):
    write_install_record(other_python, "0.1.0")
    assert read_install_record() == InstallRecord(other_python, "0.1.0")
    assert stat.S_IMODE((home / "install.json").stat().st_mode) == 0o600
    assert find_python() == other_python


def test_a_plugin_in_a_python_with_the_backend_takes_that(home, nested, other_python):
    assert find_python() == sys.executable
    write_install_record(other_python + "-gone")
    assert find_python() == sys.executable


def test_without_any_python_it_says_how_to_install(home, nested, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BackendError) as caught:
        find_python()
    assert caught.value.code == "backend_not_installed"
    assert "pip install limner" in caught.value.remedy


def test_a_python_that_was_removed_is_named(home, nested, monkeypatch, other_python):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    write_install_record(other_python)
    os.unlink(other_python)
    with pytest.raises(BackendError) as caught:
        find_python()
    assert caught.value.code == "backend_not_installed"
    assert other_python in caught.value.message


def test_the_editor_itself_is_never_taken_for_a_python(home, nested, monkeypatch, tmp_path):
    krita = tmp_path / "krita"
    krita.write_text("#!/bin/sh\n")
    krita.chmod(0o755)
    for executable in (str(krita), "", None):
        monkeypatch.setattr(sys, "executable", executable)
        with pytest.raises(BackendError):
            find_python()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"python": 5}', '{"version": "1"}', '{"python": "a", "version": 1}']
)
def test_a_damaged_record_counts_as_none(home, content):
    (home / "install.json").write_text(content)
    assert read_install_record() is None


def test_what_the_editor_sets_for_itself_is_left_out():
    assert scrub({**EDITOR, **USER}) == {**USER, "PATH": os.pathsep.join(["/usr/bin", "/bin"])}


def test_an_environment_without_an_editor_stays(monkeypatch):
    plain = {**USER, "PATH": "/usr/bin"}
    assert scrub(plain) == plain


def test_only_another_python_gets_a_scrubbed_environment(monkeypatch, other_python):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cuda/lib")
    assert child_environment(sys.executable)["LD_LIBRARY_PATH"] == "/opt/cuda/lib"
    assert "LD_LIBRARY_PATH" not in child_environment(other_python)


def test_a_python_starts_in_the_environment_made_from_an_appimages(monkeypatch):
    for name, value in EDITOR.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-c", "import limner"]
    broken = subprocess.run(command, capture_output=True, env=dict(os.environ), check=False)
    assert broken.returncode != 0  # PYTHONHOME points to nothing
    clean = subprocess.run(command, capture_output=True, env=scrub(os.environ), check=False)
    assert clean.returncode == 0
