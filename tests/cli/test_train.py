# SPDX-License-Identifier: Apache-2.0
"""`limner train` and `limner evaluate`: what they say when something is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from limner.cli.app import run
from tests.support.tiny import write_weights


def test_a_folder_without_an_index_or_photos_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "codec", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err.strip()
    assert "neither an index.csv nor photos" in message
    assert "\n" not in message
    assert run(["train", "codec", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 1
    assert "is not a folder" in capsys.readouterr().err


def test_nothing_is_measured_without_an_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err.strip()
    assert "index.csv is missing" in message
    assert not (tmp_path / "out").exists()


def test_weights_to_compare_with_need_a_name_and_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "index.csv").touch()
    (tmp_path / "landmarks.npz").touch()
    given = ["evaluate", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--compare"]
    for wrong in ("early", f"early={tmp_path / 'nowhere'}", f"={tmp_path}"):
        assert run([*given, wrong]) == 2
        assert "NAME=DIR" in capsys.readouterr().err


def test_the_sections_of_the_command_are_those_of_the_report() -> None:
    from limner.cli.evaluate import Part
    from limner.evaluation.evaluate import SECTIONS

    assert [part.value for part in Part] == list(SECTIONS)


@pytest.mark.parametrize("network", ["prior", "export"])
def test_the_order_is_told(network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "index.csv").write_text("file,set,split,size,source_px,yaw,pair,licence\n")
    np.savez(tmp_path / "landmarks.npz", points=np.zeros((0, 468, 2), np.float32))
    (tmp_path / "cache").mkdir()
    np.save(tmp_path / "cache" / "drawings-256.npy", np.zeros((0, 256, 256), np.uint8))
    np.save(tmp_path / "cache" / "photos-256.npy", np.zeros((0, 256, 256, 3), np.uint8))
    assert run(["train", network, "--data", str(tmp_path), "--out", str(tmp_path)]) == 1
    message = capsys.readouterr().err.strip()
    assert "checkpoint.pt is missing" in message
    assert "codec, components, prior" in message


def test_an_unknown_network_is_bad_usage(tmp_path: Path) -> None:
    assert run(["train", "diffusion", "--data", str(tmp_path), "--out", str(tmp_path)]) == 2


def test_what_ships_is_imported_and_no_run_is_overwritten(tmp_path: Path) -> None:
    weights, out = write_weights(tmp_path / "weights"), tmp_path / "out"
    (tmp_path / "index.csv").touch()
    (tmp_path / "landmarks.npz").touch()
    begun = out / "codec" / "checkpoint.pt"
    begun.parent.mkdir(parents=True)
    begun.write_bytes(b"a run of hours")
    given = ["train", "import", "--data", str(tmp_path), "--out", str(out), "--weights", str(weights)]
    assert run(given) == 0
    assert begun.read_bytes() == b"a run of hours"
    shipped_as = {"components": "components", "prior": "synthesis", "distilled": "detail", "detail": "detail"}
    for folder, name in shipped_as.items():
        state = torch.load(out / folder / "checkpoint.pt", weights_only=True)
        assert (state["step"], state["minutes"]) == (0, 0.0)
        for key, shipped in load_file(weights / f"{name}.safetensors").items():
            assert torch.equal(state["ema"][key].half(), shipped), key
            assert torch.equal(state["model"][key].half(), shipped), key
    assert not (out / "inversion").exists()  # it does not ship here


def test_damaged_weights_are_not_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, out = write_weights(tmp_path / "weights"), tmp_path / "out"
    (tmp_path / "index.csv").touch()
    (tmp_path / "landmarks.npz").touch()
    path = weights / "codec.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert run(["train", "import", "--data", str(tmp_path), "--out", str(out), "--weights", str(weights)]) == 1
    assert "codec.safetensors are damaged" in capsys.readouterr().err
    assert not list(out.rglob("checkpoint.pt"))
