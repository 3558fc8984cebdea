# SPDX-License-Identifier: Apache-2.0
"""wire and client run on Python 3.8, nested inside a plugin, with nothing but the standard library."""

from __future__ import annotations

import ast
import glob
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgpack
import pytest

import limner.client
import limner.wire
from tests.client.peers import TOKEN, RouterPeer, echo

PACKAGES = {name: Path(module.__file__).parent for name, module in (("wire", limner.wire), ("client", limner.client))}
SOURCES = sorted(path for folder in PACKAGES.values() for path in folder.rglob("*.py"))

# Runs with -I -S: no site-packages, no environment, no current folder. Only the plugin's folder is on the path.
DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("zmq", "msgpack", "numpy", "limner"):
            raise ImportError("not in an editor: " + name)

sys.meta_path.insert(0, Refuse())
import importlib, pkgutil
import plugin_package.inner.client as client
import plugin_package.inner.wire as wire
for package in (client, wire):
    for item in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not item.name.endswith(".transports.pyzmq"):
            importlib.import_module(item.name)
picture = wire.Pixels(2, 2, 1, "u8", b"abcd")
with client.Client(wire.ConnectionInfo(sys.argv[2], token=sys.argv[3])) as backend:
    result = backend.run("echo", {"image": picture}, {"seed": 3}, timeout=20)
    assert result.images == {"image": picture}, result
    assert result.info == {"seed": 3}, result
    assert backend._link._transport.name == "zmtp"
foreign = sorted(
    name for name, module in sys.modules.items()
    if "site-packages" in (getattr(module, "__file__", None) or "")
    or name.split(".")[0] in ("zmq", "msgpack", "numpy", "limner")
)
print(sys.version_info[:2], foreign)
"""


def interpreter(version):
    """A Python of that version that can be run, else None. "" is the one of the tests."""
    if not version:
        return sys.executable
    installed = glob.glob(os.path.expanduser(f"~/.pyenv/versions/{version}.*/bin/python"))
    for path in (*installed, shutil.which(f"python{version}")):
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return path
    return None


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """A plugin's folder with wire, client and msgpack's pure-Python files nested inside, as the installer lays them."""
    folder = tmp_path_factory.mktemp("plugin")
    inner = folder / "plugin_package" / "inner"
    for name, source in PACKAGES.items():
        shutil.copytree(source, inner / name, ignore=shutil.ignore_patterns("__pycache__"))
    vendor = inner / "_vendor" / "msgpack"
    vendor.mkdir(parents=True)
    for path in Path(msgpack.__file__).parent.glob("*.py"):
        shutil.copy(path, vendor)
    for package in (inner.parent, inner, vendor.parent):
        (package / "__init__.py").touch()
    return folder


def test_there_are_sources_of_both_packages():
    assert len(SOURCES) > 20
    assert {path.relative_to(PACKAGES["wire"].parent).parts[0] for path in SOURCES} == {"wire", "client"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_syntax_is_python_3_8(path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_imports_are_relative_or_of_the_standard_library(path):
    allowed = {"zmq"} if path.name == "pyzmq.py" else {"msgpack"} if path.name == "_msgpack.py" else set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        for name in names:
            assert name.split(".")[0] in sys.stdlib_module_names | allowed


@pytest.mark.parametrize("version", ["", "3.8", "3.9"])
def test_the_nested_copy_runs_a_job_without_any_other_package(plugin, version):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    with RouterPeer(echo) as peer:
        command = [python, "-I", "-S", "-c", DRIVER, str(plugin), peer.endpoint, TOKEN]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.stdout.strip().endswith(" []")
