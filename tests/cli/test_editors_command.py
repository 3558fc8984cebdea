# SPDX-License-Identifier: Apache-2.0
"""`limner install`, `uninstall` and `package` as commands."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from limner import resources
from limner.cli import app
from limner.client.interpreter import read_install_record
from tests.support import fake_plugins


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without editors, and small plugins to install; returns the home folder."""
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "GIMP3_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(home))
    sources = {name: make(tmp_path / "source" / name) for name, make in fake_plugins.MAKE.items()}
    monkeypatch.setattr(resources, "plugin_dir", sources.__getitem__)
    return home


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = app.run([str(item) for item in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_krita_install_and_uninstall(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "install", "krita")
    assert (status, err) == (0, "")
    assert f"Enabled in {machine / '.config/kritarc'}." in out
    assert (machine / ".local/share/krita/pykrita/limner_krita/wire/limits.py").is_file()
    record = read_install_record()
    assert record is not None
    assert Path(record.python).is_file()
    status, out, err = run(capsys, "uninstall", "krita")
    assert (status, err) == (0, "")
    assert [path for path in machine.rglob("*") if path.is_file()] == []


def test_gimp_goes_into_each_version_and_each_flavor(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bases = [
        machine / ".config/GIMP/3.0",
        machine / ".config/GIMP/3.2",
        machine / ".var/app/org.gimp.GIMP/config/GIMP/3.0",
    ]
    for base in bases:
        base.mkdir(parents=True)
    assert run(capsys, "install", "gimp")[0] == 0
    scripts = [base / "plug-ins/limner-gimp/limner-gimp.py" for base in bases]
    assert all(script.is_file() for script in scripts)
    status, out, _ = run(capsys, "uninstall", "gimp")
    assert (status, out.count("files removed")) == (0, 3)
    assert not any(script.exists() for script in scripts)
    assert all(base.is_dir() for base in bases)


def test_dest(machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dest = tmp_path / "portable"
    status, out, _ = run(capsys, "install", "krita", "--dest", dest)
    assert (status, "Enable it in Krita" in out) == (0, True)
    assert (dest / "pykrita/limner_krita.desktop").is_file()
    assert list(machine.iterdir()) == []
    assert run(capsys, "uninstall", "krita", "--dest", dest / "pykrita")[0] == 0
    assert not (dest / "pykrita").exists()


def test_uninstalling_nothing_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "uninstall", "gimp")
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert "Nothing to do" in err


def test_a_missing_plugin_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resources, "plugin_dir", lambda name: tmp_path / "nowhere")
    for arguments in (("install", "krita"), ("package", "krita", "-o", tmp_path / "x.zip")):
        status, out, err = run(capsys, *arguments)
        assert (status, out, len(err.splitlines())) == (1, "", 1)
        assert "Install Limner again" in err


def test_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for editor in resources.EDITORS:
        path = tmp_path / f"{editor}.zip"
        assert run(capsys, "package", editor, "-o", path)[0] == 0
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None


def test_a_zip_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / ".limner-abc"))

    monkeypatch.setattr("limner.installer.files.write_file", full)
    path = tmp_path / "x.zip"
    status, out, err = run(capsys, "package", "krita", "-o", path)
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert f"{path} cannot be written: No space left on device." in err
    assert ".limner-abc" not in err


def test_bad_usage_and_bad_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "install", "photoshop")[0] == 2
    assert run(capsys, "package", "krita", "-o", tmp_path / "x.tar")[0] == 2
    assert run(capsys, "package", "krita")[0] == 2
    (tmp_path / "folder.zip").mkdir()
    for out, words in (
        (tmp_path / "nowhere" / "x.zip", "there is no folder"),
        (tmp_path / "folder.zip", "no plain file"),
    ):
        status, printed, err = run(capsys, "package", "krita", "-o", out)
        assert (status, printed, len(err.splitlines()), words in err) == (1, "", 1, True)
