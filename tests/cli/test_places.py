# SPDX-License-Identifier: Apache-2.0
"""The folders of both editors on every platform."""

from pathlib import Path

import pytest

from limner.installer.places import System, known_places, place_at, used_places


def roots(editor: str, system: System) -> dict[str, Path]:
    return {place.label: place.root for place in known_places(editor, system)}


def linux(home: Path, **environ: str) -> System:
    return System("linux", home, {"PATH": "", **environ})


def test_krita_on_linux_with_flatpak_and_snap(tmp_path: Path) -> None:
    assert roots("krita", linux(tmp_path)) == {
        "Krita": tmp_path / ".local/share/krita",
        "Krita (Flatpak)": tmp_path / ".var/app/org.kde.krita/data/krita",
        "Krita (Snap)": tmp_path / "snap/krita/current/.local/share/krita",
    }
    configs = [place.config for place in known_places("krita", linux(tmp_path))]
    assert configs == [
        tmp_path / ".config/kritarc",
        tmp_path / ".var/app/org.kde.krita/config/kritarc",
        tmp_path / "snap/krita/current/.config/kritarc",
    ]


def test_xdg_folders_move_the_usual_place(tmp_path: Path) -> None:
    system = linux(tmp_path, XDG_DATA_HOME=str(tmp_path / "d"), XDG_CONFIG_HOME=str(tmp_path / "c"))
    krita = known_places("krita", system)[0]
    assert (krita.plugins, krita.config) == (tmp_path / "d/krita/pykrita", tmp_path / "c/kritarc")
    assert known_places("gimp", system)[0].root == tmp_path / "c/GIMP/3.0"


def test_a_relative_xdg_folder_is_ignored_as_its_standard_says(tmp_path: Path) -> None:
    assert known_places("krita", linux(tmp_path, XDG_DATA_HOME="data"))[0].root == tmp_path / ".local/share/krita"


def test_krita_resource_folder_chosen_in_its_settings(tmp_path: Path) -> None:
    chosen = tmp_path / "my resources"
    config = tmp_path / ".config/kritarc"
    config.parent.mkdir()
    config.write_text(f"ResourceDirectory={chosen}\n\n[python]\nResourceDirectory=/wrong\n")
    assert known_places("krita", linux(tmp_path))[0].root == chosen


def test_macos(tmp_path: Path) -> None:
    system = System("darwin", tmp_path, {"PATH": ""})
    support = tmp_path / "Library/Application Support"
    assert roots("krita", system) == {"Krita": support / "Krita"}
    assert known_places("krita", system)[0].config == tmp_path / "Library/Preferences/kritarc"
    assert roots("gimp", system) == {"GIMP 3.0": support / "GIMP/3.0"}


def test_windows_with_the_store_version(tmp_path: Path) -> None:
    roaming, local = tmp_path / "R", tmp_path / "L"
    store = local / "Packages/49800Krita_RGHQK2"
    store.mkdir(parents=True)
    system = System("win32", tmp_path, {"APPDATA": str(roaming), "LOCALAPPDATA": str(local), "PATH": ""})
    assert roots("krita", system) == {
        "Krita": roaming / "krita",
        "Krita (Windows Store)": store / "LocalCache/Roaming/krita",
    }
    assert roots("gimp", system) == {"GIMP 3.0": roaming / "GIMP/3.0"}
    assert [place.marker.exists() for place in known_places("krita", system)] == [False, True]
    assert [place.label for place in used_places("krita", system)] == ["Krita (Windows Store)"]


def test_each_gimp_version_folder_is_a_place(tmp_path: Path) -> None:
    for name in ("2.10", "3.0", "3.2", "3.0-backup"):
        (tmp_path / ".config/GIMP" / name).mkdir(parents=True)
    labels = [place.label for place in used_places("gimp", linux(tmp_path))]
    assert labels == ["GIMP 3.0", "GIMP 3.2"]


@pytest.mark.parametrize(("program", "version"), [("gimp-3.2", "3.2"), ("gimp-3.0", "3.0"), ("gimp", "3.0")])
def test_version_of_a_gimp_that_was_never_started(tmp_path: Path, program: str, version: str) -> None:
    tool = tmp_path / "bin" / program
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert used_places("gimp", linux(tmp_path, PATH=str(tool.parent)))[0].root.name == version


def test_gimp_flatpak_and_own_directory(tmp_path: Path) -> None:
    flatpak = tmp_path / ".var/app/org.gimp.GIMP"
    (flatpak / "config/GIMP/3.2").mkdir(parents=True)
    places = used_places("gimp", linux(tmp_path))
    assert [(place.label, place.plugins) for place in places] == [
        ("GIMP 3.2 (Flatpak)", flatpak / "config/GIMP/3.2/plug-ins")
    ]
    own = known_places("gimp", linux(tmp_path, GIMP3_DIRECTORY="elsewhere/gimp"))
    assert [place.root for place in own] == [tmp_path / "elsewhere/gimp"]


@pytest.mark.parametrize(("editor", "folder"), [("krita", "pykrita"), ("gimp", "plug-ins")])
def test_dest_is_the_editors_folder_or_its_plugins_folder(tmp_path: Path, editor: str, folder: str) -> None:
    system = linux(tmp_path)
    for dest in (tmp_path / "X", tmp_path / "X" / folder):
        place = place_at(editor, dest, system)
        assert (place.root, place.plugins) == (tmp_path / "X", tmp_path / "X" / folder)
        assert place.config is None


def test_dest_that_is_a_usual_folder_keeps_its_settings_file(tmp_path: Path) -> None:
    place = place_at("krita", tmp_path / ".local/share/krita/pykrita", linux(tmp_path))
    assert place.config == tmp_path / ".config/kritarc"
