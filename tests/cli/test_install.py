# SPDX-License-Identifier: Apache-2.0
"""Installing, upgrading and removing the plugins in temporary folders."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from limner.installer import install as installing
from limner.installer import kritarc, receipt
from limner.installer.diagnose import findings
from limner.installer.errors import InstallError
from limner.installer.package import build_zip
from limner.installer.places import Place, System, known_places
from limner.installer.plugin import SHAPES, plugin_files
from tests.support import fake_plugins
from tests.support.fake_plugins import usual_place

EDITORS = ("krita", "gimp")
NESTED = {"krita": "pykrita/limner_krita", "gimp": "plug-ins/limner-gimp/limner_gimp"}


@pytest.fixture(params=EDITORS)
def editor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(editor: str, tmp_path: Path) -> Path:
    return fake_plugins.MAKE[editor](tmp_path / "source")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def entries(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_the_plugin_and_the_nested_packages_are_copied(editor: str, source: Path, tmp_path: Path) -> None:
    place = usual_place(editor, tmp_path / "home")
    done = installing.install(place, source)
    files = tree(place.root)
    package = NESTED[editor]
    for name in ("wire/__init__.py", "wire/messages.py", "_vendor/__init__.py", "_vendor/msgpack/fallback.py"):
        assert f"{package}/{name}" in files
    assert done.files == len(files) - 1  # all but the receipt
    assert not [name for name in files if "__pycache__" in name or name.endswith("README.md")]


def test_nested_packages_work_in_a_python_without_limner(editor: str, source: Path, tmp_path: Path) -> None:
    place = usual_place(editor, tmp_path / "home")
    installing.install(place, source)
    package = place.root / NESTED[editor]
    code = (
        f"import {package.name}._vendor.msgpack as m; assert m.unpackb(m.packb([1, 'x'])) == [1, 'x'];"
        f"import sys; sys.modules['msgpack'] = None;"
        f"import {package.name}.wire.messages, {package.name}.wire.codec, {package.name}.client;"
        "assert 'limner' not in sys.modules, 'the top-level package leaked into the plugin'"
    )
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(package.parent)!r}); " + code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environ,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_uninstall_leaves_the_folder_as_it_was(editor: str, source: Path, tmp_path: Path) -> None:
    place = usual_place(editor, tmp_path / "home")
    other = place.plugins / "other_plugin" / "settings.txt"
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    if place.config:
        place.config.parent.mkdir(parents=True, exist_ok=True)
        place.config.write_text("a=1\n\n[python]\nenable_other_plugin=true\n")
    before, before_names = tree(tmp_path / "home"), entries(tmp_path / "home")
    installing.install(place, source)
    compiled = place.root / NESTED[editor] / "wire" / "__pycache__" / "limits.cpython-313.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"by the editor")
    removed = installing.uninstall(place)
    assert removed.kept == ()
    assert tree(tmp_path / "home") == before
    assert entries(tmp_path / "home") == before_names


def test_uninstall_keeps_what_is_not_as_installed(editor: str, source: Path, tmp_path: Path) -> None:
    place = usual_place(editor, tmp_path / "home")
    installing.install(place, source)
    changed = place.root / NESTED[editor] / "__init__.py"
    changed.write_text("# my own change\n")
    mine = place.root / NESTED[editor] / "notes.txt"
    mine.write_text("mine")
    removed = installing.uninstall(place)
    assert removed.kept == (changed,)
    assert set(tree(place.plugins).values()) == {b"# my own change\n", b"mine"}


def test_an_upgrade_drops_files_that_the_new_version_has_not(editor: str, source: Path, tmp_path: Path) -> None:
    place = usual_place(editor, tmp_path / "home")
    old = source / SHAPES[editor].package / "old_module.py"
    old.write_text("x = 1\n")
    installing.install(place, source)
    assert (place.root / NESTED[editor] / "old_module.py").is_file()
    old.unlink()
    (source / SHAPES[editor].package / "new_module.py").write_text("x = 2\n")
    installing.install(place, source)
    assert not (place.root / NESTED[editor] / "old_module.py").exists()
    assert (place.root / NESTED[editor] / "new_module.py").is_file()
    installing.uninstall(place)
    assert not place.plugins.exists()
    assert place.config is None or not place.config.exists()


def test_krita_is_enabled_and_gets_its_action_file(tmp_path: Path) -> None:
    place = usual_place("krita", tmp_path)
    done = installing.install(place, fake_plugins.make_krita(tmp_path / "source"))
    assert place.config is not None
    assert done.enabled_in == place.config
    assert kritarc.is_enabled(place.config)
    (action,) = place.root.rglob("*.action")  # a second one makes Krita complain
    assert action == place.root / "actions" / "limner_krita.action"
    assert action.read_text() == "<ActionCollection/>\n"


def test_a_plugin_enabled_by_the_user_stays_enabled_in_the_settings(tmp_path: Path) -> None:
    place = usual_place("krita", tmp_path)
    assert place.config is not None
    place.config.parent.mkdir(parents=True)
    place.config.write_text("[python]\nenable_limner_krita=true\n")
    installing.install(place, fake_plugins.make_krita(tmp_path / "source"))
    installing.uninstall(place)
    assert kritarc.is_enabled(place.config)


def test_the_gimp_script_is_executable_and_nothing_else_is(tmp_path: Path) -> None:
    place = usual_place("gimp", tmp_path)
    installing.install(place, fake_plugins.make_gimp(tmp_path / "source"))
    executable = [
        str(p.relative_to(place.plugins)) for p in place.plugins.rglob("*") if p.is_file() and p.stat().st_mode & 0o111
    ]
    assert executable == ["limner-gimp/limner-gimp.py"]


def test_a_linked_plugin_folder_is_not_touched(editor: str, source: Path, tmp_path: Path) -> None:
    place = usual_place(editor, tmp_path / "home")
    folder = installing.main_folder(place)
    folder.parent.mkdir(parents=True)
    folder.symlink_to(source / folder.name)
    before = tree(source)
    for action in (lambda: installing.install(place, source), lambda: installing.uninstall(place)):
        with pytest.raises(InstallError, match="is a link"):
            action()
    assert tree(source) == before


def test_failures_say_what_to_do(editor: str, source: Path, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="Nothing to do"):
        installing.uninstall(usual_place(editor, tmp_path))
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the editor's folder should be")
    with pytest.raises(InstallError, match="--dest"):
        installing.install(Place(editor, "x", blocked, blocked), source)
    with pytest.raises(InstallError, match="holds no plugin"):
        installing.install(usual_place(editor, tmp_path), tmp_path / "nowhere")
    (source / SHAPES[editor].required[0]).unlink()
    with pytest.raises(InstallError, match="lacks the plugin's file"):
        plugin_files(editor, source)


@pytest.mark.parametrize("name", ["../../victim", "/etc/victim", "C:\\victim", "a/../../b"])
def test_a_receipt_can_not_point_outside_the_editors_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / receipt.NAME
    receipt.Receipt("1", {name: "0"}, ()).save(path)
    with pytest.raises(InstallError, match="damaged"):
        receipt.load(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "1"}', '{"version": "1", "files": [], "folders": []}'])
def test_a_damaged_receipt_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / receipt.NAME
    path.write_text(text)
    with pytest.raises(InstallError, match="damaged"):
        receipt.load(path)


def test_the_zip_has_entries_for_folders_before_their_files(editor: str, source: Path) -> None:
    data = build_zip(editor, source)
    assert data == build_zip(editor, source)
    seen: set[str] = set()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            parent = info.filename.rstrip("/").rpartition("/")[0]
            assert not parent or parent + "/" in seen
            seen.add(info.filename)
            mode = info.external_attr >> 16
            wanted = info.is_dir() or info.filename == "limner-gimp/limner-gimp.py"
            assert bool(mode & 0o111) == wanted
    krita = {"limner_krita/", "limner_krita.desktop", "limner_krita.action"}
    top = {"krita": krita, "gimp": {"limner-gimp/"}}[editor]
    assert {name for name in seen if name.rstrip("/").count("/") == 0} == top


def test_the_zip_and_the_installation_hold_the_same_files(editor: str, source: Path, tmp_path: Path) -> None:
    place = usual_place(editor, tmp_path / "home")
    installing.install(place, source)
    installed = tree(place.plugins)
    del installed[str(installing.receipt_path(place).relative_to(place.plugins))]
    if editor == "krita":  # its importer moves the action file there, too
        installed.update(tree(place.root / "actions"))
    with zipfile.ZipFile(io.BytesIO(build_zip(editor, source))) as archive:
        packed = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
    assert packed == installed


def one_finding(editor: str, home: Path) -> tuple[bool, str]:
    found = findings(editor, System("linux", home, {"PATH": ""}))
    assert len(found) == 1
    return found[0].installed, found[0].problem


def test_a_good_installation_has_no_findings(editor: str, source: Path, tmp_path: Path) -> None:
    assert findings(editor, System("linux", tmp_path / "home", {"PATH": ""})) == []
    installing.install(usual_place(editor, tmp_path / "home"), source)
    assert one_finding(editor, tmp_path / "home") == (True, "")


def test_krita_findings(tmp_path: Path) -> None:
    place = usual_place("krita", tmp_path)
    source = fake_plugins.make_krita(tmp_path / "source")
    installing.install(place, source)
    assert place.config is not None
    kritarc.disable(place.config)
    assert "not enabled" in one_finding("krita", tmp_path)[1]
    installing.install(place, source)
    (place.plugins / "limner_krita" / "docker.py").unlink()
    assert "are gone" in one_finding("krita", tmp_path)[1]
    (place.plugins / "limner_krita" / "__init__.py").unlink()
    assert "__init__.py" in one_finding("krita", tmp_path)[1]
    (place.plugins / "limner_krita.desktop").write_text("X-KDE-Library=limner\n")
    assert "names the folder 'limner'" in one_finding("krita", tmp_path)[1]


def test_gimp_findings(tmp_path: Path) -> None:
    place = usual_place("gimp", tmp_path)
    installing.install(place, fake_plugins.make_gimp(tmp_path / "source"))
    script = place.plugins / "limner-gimp" / "limner-gimp.py"
    script.chmod(0o644)
    assert "not executable" in one_finding("gimp", tmp_path)[1]
    script.chmod(0o755)
    script.parent.rename(place.plugins / "limner")
    assert "the folder must have the file's name" in one_finding("gimp", tmp_path)[1]
    (place.plugins / "limner" / "limner-gimp.py").rename(place.plugins / "limner-gimp.py")
    assert "directly in the plug-ins folder" in one_finding("gimp", tmp_path)[1]


def test_a_gimp_version_without_the_plugin_is_told(tmp_path: Path) -> None:
    base = tmp_path / ".config" / "GIMP"
    (base / "3.2").mkdir(parents=True)
    (base / "3.0").mkdir()
    places = known_places("gimp", System("linux", tmp_path, {"PATH": ""}))[:2]
    installing.install(places[0], fake_plugins.make_gimp(tmp_path / "source"))
    found = {item.place.label: item for item in findings("gimp", System("linux", tmp_path, {"PATH": ""}))}
    assert found["GIMP 3.0"].problem == ""
    assert not found["GIMP 3.2"].installed
    assert "GIMP 3.2 has no Limner plugin" in found["GIMP 3.2"].problem


def test_the_real_plugins_install_pack_and_go_again(editor: str, tmp_path: Path) -> None:
    if not fake_plugins.is_real_there(editor):
        pytest.skip("the plugin is not in this checkout yet")
    place = usual_place(editor, tmp_path)
    done = installing.install(place)
    assert one_finding(editor, tmp_path) == (True, "")
    with zipfile.ZipFile(io.BytesIO(build_zip(editor))) as archive:
        assert len([info for info in archive.infolist() if not info.is_dir()]) <= done.files
    installing.uninstall(place)
    assert not place.plugins.exists()
