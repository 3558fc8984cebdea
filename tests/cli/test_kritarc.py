# SPDX-License-Identifier: Apache-2.0
"""Enabling the plugin changes one line of Krita's settings and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.installer import kritarc

KEY = kritarc.PLUGIN_KEY

SAMPLES = {
    "empty": "",
    "no group": "Theme=Krita dark\n\n[advancedColorSelector]\ngamma=2.2\n",
    "group of other plugins": "a=1\n\n[python]\nenable_comics=true\n\n[theme]\nTheme=x\n",
    "group at the end": "a=1\n\n[python]\nenable_comics=true\n",
    "windows": "a=1\r\n\r\n[theme]\r\nTheme=x\r\n",
}


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES.keys())
def test_enable_then_disable_gives_the_same_bytes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kritarc"
    path.write_bytes(text.encode())
    assert not kritarc.is_enabled(path)
    kritarc.enable(path)
    assert kritarc.is_enabled(path)
    enabled = path.read_bytes()
    kritarc.enable(path)
    assert path.read_bytes() == enabled
    kritarc.disable(path)
    assert (path.read_bytes() if path.exists() else b"") == text.encode()


def test_enabling_adds_one_line_to_the_group() -> None:
    before = SAMPLES["group of other plugins"]
    after = kritarc.with_value(before, KEY, "true")
    assert after.replace(f"{KEY}=true\n", "", 1) == before
    assert kritarc.value(after, "python", KEY) == "true"


def test_a_plugin_switched_off_by_hand_is_switched_on() -> None:
    text = f"[python]\n{KEY}=false\nenable_comics=true\n"
    assert kritarc.with_value(text, KEY, "true") == f"[python]\n{KEY}=true\nenable_comics=true\n"


def test_the_same_key_in_another_group_does_not_count() -> None:
    text = f"[other]\n{KEY}=true\n[python]\n"
    assert kritarc.value(text, "python", KEY) is None


def test_bytes_that_are_no_utf8_survive(tmp_path: Path) -> None:
    path = tmp_path / "kritarc"
    before = b"name=caf\xe9\x0c\n[theme]\nx=\xff\n"
    path.write_bytes(before)
    kritarc.enable(path)
    assert path.read_bytes().startswith(before)
    kritarc.disable(path)
    assert path.read_bytes() == before


def test_a_linked_settings_file_stays_a_link_and_keeps_its_mode(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles"
    real.write_text("a=1\n")
    real.chmod(0o640)
    link = tmp_path / "kritarc"
    link.symlink_to(real)
    kritarc.enable(link)
    assert link.is_symlink()
    assert kritarc.is_enabled(real)
    assert real.stat().st_mode & 0o777 == 0o640


LINES = st.sampled_from(["[python]", "[theme]", "", "a=1", "enable_comics=true", "  ", "# text", "x = y = z", "[a][b]"])


@given(st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_no_other_line_is_ever_changed(lines: list[str], ending: str) -> None:
    text = "".join(line + ending for line in lines)
    enabled = kritarc.with_value(text, KEY, "true")
    assert kritarc.value(enabled, "python", KEY) == "true"
    others = [line for line in enabled.splitlines() if not line.startswith(KEY)]
    added = [] if "[python]" in lines else ["[python]"]
    assert [line for line in others if line.strip()] == [line for line in lines if line.strip()] + added
    removed = kritarc.without_key(enabled, KEY)
    assert kritarc.value(removed, "python", KEY) is None
