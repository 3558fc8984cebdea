# SPDX-License-Identifier: Apache-2.0
"""Each cause for which Filters > Limner would be missing is provoked and has to be named; a good installation is not
complained of."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from limner.installer import install as installing
from limner.installer.diagnose import findings
from limner.installer.errors import InstallError
from limner.installer.finding import Finding
from limner.installer.places import Place, System, known_places, older_gimp, used_places
from tests.support import fake_plugins

KNOWN = '(plug-in-def "${gimp_dir}/plug-ins/limner-gimp/limner-gimp.py" 1\n'
NO_GI = "#!/bin/sh\necho 'ModuleNotFoundError: No module named gi' >&2\nexit 1\n"


@pytest.fixture
def system(tmp_path: Path) -> System:
    (tmp_path / "bin").mkdir()
    return System("linux", tmp_path, {"PATH": str(tmp_path / "bin")})


@pytest.fixture
def place(system: System, tmp_path: Path) -> Place:
    """GIMP 3.0, which has taken the plug-in in."""
    found = known_places("gimp", system)[0]
    installing.install(found, fake_plugins.make_gimp(tmp_path / "source"))
    (found.root / "pluginrc").write_text(KNOWN)
    return found


def the_finding(system: System) -> Finding:
    (found,) = findings("gimp", system)
    return found


def program(system: System, name: str, text: str = "#!/bin/sh\n") -> None:
    path = Path(system.environ["PATH"]) / name
    path.write_text(text)
    path.chmod(0o755)


def test_nothing_is_said_of_a_good_installation(place: Place, system: System) -> None:
    assert the_finding(system) == Finding(place, True)


def test_a_script_one_folder_too_deep(place: Place, system: System) -> None:
    folder = place.plugins / "limner-gimp"
    folder.rename(place.plugins / "unpacked")
    (place.plugins / "outer").mkdir()
    (place.plugins / "unpacked").rename(place.plugins / "outer" / "limner-gimp")
    found = the_finding(system)
    assert "one folder too deep" in found.problem
    assert found.remedy == f"Move the folder limner-gimp to {place.plugins}."


@pytest.mark.parametrize(
    ("paths", "named"),
    [
        ("${gimp_dir}/plug-ins:${gimp_plug_in_dir}/plug-ins", False),
        ("/elsewhere:~/mine", True),
        ("~/.config/GIMP/3.0/plug-ins", False),
    ],
)
def test_a_gimprc_that_names_other_folders(
    place: Place, system: System, monkeypatch: pytest.MonkeyPatch, paths: str, named: bool
) -> None:
    monkeypatch.setenv("HOME", str(system.home))
    (place.root / "gimprc").write_text(f'# (plug-in-path "/commented")\n(plug-in-path "{paths}")\n')
    found = the_finding(system)
    assert ("names other folders for plug-ins" in found.problem) == named
    assert ("Preferences > Folders > Plug-ins" in found.remedy) == named


def test_a_python_that_cannot_use_gimp(place: Place, system: System) -> None:
    assert not the_finding(system).problem  # no GIMP on PATH: a Flatpak perhaps, with its own Python
    program(system, "gimp-3.0")
    assert "there is none on PATH" in the_finding(system).problem
    program(system, "python3", NO_GI)
    found = the_finding(system)
    assert found.problem.endswith("which cannot use GIMP: ModuleNotFoundError: No module named gi")
    assert "python3-gi" in found.remedy
    program(system, "python3")
    assert not the_finding(system).problem


def test_what_gimp_wrote_down_of_the_plugin(place: Place, system: System) -> None:
    known, written = place.root / "pluginrc", installing.receipt_path(place).stat().st_mtime
    known.write_text("(protocol-version 277)\n")
    os.utime(known, (written - 5, written - 5))
    assert the_finding(system).note == "Restart GIMP: it was started last before the plugin was installed."
    os.utime(known, (written + 5, written + 5))
    assert "GIMP has not taken it in" in the_finding(system).note
    known.unlink()
    found = the_finding(system)
    assert (found.problem, "has not been started with this folder" in found.note) == ("", True)


def test_a_gimp_that_has_no_folder_yet(place: Place, system: System) -> None:
    program(system, "gimp-3.2")
    program(system, "python3")
    first, second = findings("gimp", system)
    assert (first.place.label, first.problem) == ("GIMP 3.0", "")
    assert (second.place.label, second.installed) == ("GIMP 3.2", False)
    assert second.problem.startswith("GIMP 3.2 has not been started yet")
    assert second.remedy == "Start GIMP 3.2 once, close it, then run: limner install gimp"


def test_the_first_start_of_gimp_is_left_to_take_over_older_settings(system: System, tmp_path: Path) -> None:
    """GIMP takes over the settings and brushes of an older version only into a folder that is not there yet."""
    older = tmp_path / ".config" / "GIMP" / "2.10"
    older.mkdir(parents=True)
    (place,) = used_places("gimp", system)
    assert (place.label, older_gimp(place)) == ("GIMP 3.0", "2.10")
    with pytest.raises(InstallError, match=r"settings and brushes of GIMP 2\.10, unless .* Start GIMP 3\.0 once"):
        installing.install(place, fake_plugins.make_gimp(tmp_path / "source"))
    assert not place.root.exists()
    place.root.mkdir()
    assert older_gimp(place) == ""
    installing.install(place, fake_plugins.make_gimp(tmp_path / "source"))
    shutil.rmtree(place.root)
    flatpak = tmp_path / ".var/app/org.gimp.GIMP/config/GIMP/3.2"
    flatpak.mkdir(parents=True)
    assert [item.root for item in used_places("gimp", system)] == [flatpak]  # the one that was started


def test_windows_programs_tell_the_version(tmp_path: Path) -> None:
    programs = tmp_path / "P" / "GIMP 3" / "bin"
    programs.mkdir(parents=True)
    (programs / "gimp-3.2.exe").touch()
    system = System("win32", tmp_path, {"PROGRAMFILES": str(tmp_path / "P"), "APPDATA": str(tmp_path / "R")})
    assert used_places("gimp", system)[0].root == tmp_path / "R" / "GIMP" / "3.2"
