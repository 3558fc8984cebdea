# SPDX-License-Identifier: Apache-2.0
"""The wheel and the source archive hold everything, and the wheel works away from the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from limner import __version__, resources
from tests.support import fake_plugins

ROOT = Path(__file__).resolve().parent.parent.parent
COPIED = ("pyproject.toml", "README.md", "LICENSE", "constraints.txt", "Makefile")


def build(kind: str, source: Path, out: Path) -> Path:
    """Run hatchling in this interpreter's environment: no network, no isolation."""
    code = f"import hatchling.build as b; print(b.build_{kind}({str(out)!r}))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return out / ran.stdout.split()[-1]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that are packed, with small plugins and weights where this checkout has none yet."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("checkout")
    for name in (*COPIED, ".gitignore"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    (folder / "backend").symlink_to(ROOT / "backend", target_is_directory=True)
    for editor, make in fake_plugins.MAKE.items():
        real = ROOT / f"plugin_{editor}"
        if fake_plugins.is_real_there(editor):
            (folder / real.name).symlink_to(real, target_is_directory=True)
        else:
            make(folder / real.name)
    (folder / "weights").mkdir()
    (folder / "weights" / "manifest.json").write_text('{"files": {}}')
    (folder / "weights" / "tiny.safetensors").write_bytes(b"1234")
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", checkout, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_in(site: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python ...` with the unpacked wheel first on the path, from another folder."""
    environ = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_package_plugins_weights_and_examples(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = {str(path.relative_to(ROOT / "backend").as_posix()) for path in (ROOT / "backend").rglob("*.py")}
    examples = {f"limner/examples/{path.name}" for path in resources.examples_dir().glob("*.png")}
    assert len(examples) >= 4
    wanted = {
        "limner/_plugins/krita/limner_krita.desktop",
        "limner/_plugins/krita/limner_krita/__init__.py",
        "limner/_plugins/gimp/limner-gimp/limner-gimp.py",
        "limner/_weights/manifest.json",
        "limner/_weights/tiny.safetensors",
    }
    assert sources | examples | wanted <= names
    assert f"limner-{__version__}.dist-info/licenses/LICENSE" in names
    top = {name.partition("/")[0] for name in names}
    assert top == {"limner", f"limner-{__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".log", ".pth"))]


def test_metadata_names_the_command_and_a_wide_torch_range(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folder = f"limner-{__version__}.dist-info"
        metadata = archive.read(f"{folder}/METADATA").decode()
        entry_points = archive.read(f"{folder}/entry_points.txt").decode()
    assert "limner = limner.__main__:main" in entry_points
    assert "Requires-Dist: torch<3,>=2.4" in metadata
    assert "License-Expression: Apache-2.0" in metadata
    assert {"Provides-Extra: dev", "Provides-Extra: train"} <= set(metadata.splitlines())


def test_the_wheel_finds_its_own_files_away_from_the_checkout(unpacked: Path, tmp_path: Path) -> None:
    code = (
        "import json, limner.resources as r;"
        "print(json.dumps([str(r.weights_dir()), str(r.plugin_dir('krita')), str(r.plugin_dir('gimp')),"
        " str(r.examples_dir()), r.in_checkout()]))"
    )
    ran = run_in(unpacked, tmp_path, "-c", code)
    assert ran.returncode == 0, ran.stderr
    *folders, in_checkout = json.loads(ran.stdout)
    assert in_checkout is False
    for folder in folders:
        assert Path(folder).is_dir()
        assert Path(folder).is_relative_to(unpacked)


def test_the_command_of_the_wheel_works_away_from_the_checkout(unpacked: Path, tmp_path: Path) -> None:
    ran = run_in(unpacked, tmp_path, "-m", "limner", "--version")
    assert (ran.returncode, ran.stdout.strip()) == (0, f"limner {__version__}")
    ran = run_in(unpacked, tmp_path, "-m", "limner", "package", "krita", "-o", "limner.zip")
    assert (ran.returncode, ran.stderr) == (0, "")
    with zipfile.ZipFile(tmp_path / "limner.zip") as archive:
        names = archive.namelist()
    assert {"limner_krita/", "limner_krita.desktop", "limner_krita/wire/limits.py"} <= set(names)


def test_a_wheel_can_be_built_from_the_source_archive(checkout: Path, wheel: Path, tmp_path: Path) -> None:
    archive = build("sdist", checkout, tmp_path)
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    folder = tmp_path / f"limner-{__version__}"
    again = build("wheel", folder, tmp_path)
    with zipfile.ZipFile(again) as second, zipfile.ZipFile(wheel) as first:
        assert set(second.namelist()) == set(first.namelist())


def test_the_pinned_torch_is_inside_the_range_of_the_project() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins == ["torch==2.13.0"]
