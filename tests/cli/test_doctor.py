# SPDX-License-Identifier: Apache-2.0
"""`limner doctor` finds what is wrong and says what to do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from limner.cli import app, checks
from limner.cli.checks import NOTE, OK, PROBLEM, Check
from tests.support import fake_plugins
from tests.support.command import Command
from tests.support.fake_plugins import usual_place


def states(found: Iterator[Check]) -> list[tuple[str, str]]:
    return [(item.state, item.text) for item in found]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "eyes.safetensors").write_bytes(b"eyes")
    files = {"eyes.safetensors": {"sha256": hashlib.sha256(b"eyes").hexdigest()}}
    (folder / "manifest.json").write_text(json.dumps({"files": files}))
    return folder


def test_good_weights(weights: Path) -> None:
    assert [state for state, _ in states(checks.check_weights(weights))] == [OK]


def test_damaged_and_missing_weights(weights: Path) -> None:
    (weights / "eyes.safetensors").write_bytes(b"lies")
    (found,) = checks.check_weights(weights)
    assert (found.state, "is damaged" in found.text, "weights/" in found.remedy) == (PROBLEM, True, True)
    (weights / "eyes.safetensors").unlink()
    (found,) = checks.check_weights(weights)
    assert (found.state, "eyes.safetensors cannot be read" in found.text) == (PROBLEM, True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": {"a": {}}}', '{"files": {"a": null}}'])
def test_a_damaged_manifest(weights: Path, text: str) -> None:
    (weights / "manifest.json").write_text(text)
    (found,) = checks.check_weights(weights)
    assert (found.state, "manifest.json is damaged" in found.text) == (PROBLEM, True)


def test_no_weights_at_all(tmp_path: Path) -> None:
    (found,) = checks.check_weights(tmp_path)
    assert (found.state, "manifest.json cannot be read" in found.text) == (PROBLEM, True)


def test_open_folders_are_told(limner_home: Path) -> None:
    limner_home.mkdir(mode=0o755)
    limner_home.chmod(0o755)
    (limner_home / "connection.json").write_text("{}")
    (limner_home / "connection.json").chmod(0o644)
    told = [item for item in checks.check_backend() if "chmod" in item.remedy]
    assert [item.remedy.split()[2] for item in told] == ["600", "700"]
    assert {item.state for item in told} == {PROBLEM}


def test_a_python_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "PACKAGES", ("numpy", "no-such-package"))
    found = {item.text: item.state for item in checks.check_python() if item.area == "packages"}
    assert found.pop("no-such-package is not installed.") == PROBLEM
    assert list(found.values()) == [OK]


def test_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from limner.installer import install as installing

    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "GIMP3_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert {(item.area, item.remedy) for item in checks.check_editors()} == {
        ("krita", "Run: limner install krita"),
        ("gimp", "Run: limner install gimp"),
    }
    place = usual_place("gimp", tmp_path)
    installing.install(place, fake_plugins.make_gimp(tmp_path / "source"))
    (found,) = (item for item in checks.check_editors() if item.area == "gimp")
    assert (found.state, "has not been started with this folder" in found.text) == (NOTE, True)
    (place.root / "pluginrc").write_text('(plug-in-def "${gimp_dir}/plug-ins/limner-gimp/limner-gimp.py" 1\n')
    (found,) = (item for item in checks.check_editors() if item.area == "gimp")
    assert (found.state, str(place.plugins) in found.text) == (OK, True)
    (place.plugins / "limner-gimp" / "limner-gimp.py").chmod(0o644)
    (found,) = (item for item in checks.check_editors() if item.area == "gimp")
    assert (found.state, "not executable" in found.text, "chmod +x" in found.remedy) == (PROBLEM, True, True)


def fake_checks(*items: Check) -> tuple[object, ...]:
    return (lambda: iter(items),)


def test_status_0_and_json_when_all_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    item = Check("python", OK, "Python")
    monkeypatch.setattr(checks, "CHECKS", fake_checks(item))
    assert app.run(["doctor", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"ok": True, "checks": [item.to_map()]}
    assert captured.err == ""


def test_status_1_and_one_line_when_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    items = (Check("a", PROBLEM, "It is broken.", "Mend it."), Check("b", PROBLEM, "That too.", "Mend that."))
    monkeypatch.setattr(checks, "CHECKS", fake_checks(*items))
    assert app.run(["doctor"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "limner: It is broken. (1 more above) Mend it.\n"
    assert "-> Mend that." in captured.out


def test_the_real_checks_run_to_their_end(limner_home: Path, tmp_path: Path) -> None:
    """Whether the weights are there depends on the checkout; everything else must be found well."""
    command = Command(limner_home, tmp_path)
    ran = command.spawn("doctor", "--json")
    report = json.loads(ran.stdout)
    areas = {item["area"] for item in report["checks"]}
    assert {"python", "packages", "device", "weights", "backend", "krita", "gimp"} <= areas
    problems = [item for item in report["checks"] if item["state"] == PROBLEM]
    assert [item for item in problems if item["area"] != "weights"] == []
    assert ran.status == (1 if problems else 0)
    assert len(ran.stderr.splitlines()) == (1 if problems else 0)


@pytest.mark.parametrize(
    ("state", "start"),
    [("failed", "runs but cannot draw at tcp://h:1, "), ("loading", "tries once more to start at tcp")],
)
def test_a_backend_that_cannot_draw_is_a_problem_also_while_it_tries_again(
    state: str, start: str, monkeypatch: pytest.MonkeyPatch, limner_home: Path
) -> None:
    problem = {"code": "start_failed", "message": "The device 'cuda' does not work here.", "remedy": "Use another."}
    found = {"running": True, "state": state, "endpoint": "tcp://h:1", "version": "1", "device": "", "problem": problem}
    monkeypatch.setattr("limner.cli.lifecycle.find_backend", lambda: found)
    (finding,) = (item for item in checks.check_backend() if "tcp://h:1" in item.text)
    assert (finding.state, finding.remedy) == (PROBLEM, "Use another.")
    assert finding.text.startswith(start)
    assert finding.text.endswith(": The device 'cuda' does not work here.")
