# SPDX-License-Identifier: Apache-2.0
"""The whole report on a few crude faces, with small untrained networks and stand-ins for the downloaded ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from limner.evaluation import baselines, inversion, novices, portraits, reconstruction, upsampling
from limner.evaluation.evaluate import SECTIONS, evaluate
from limner.evaluation.lab import OtherWeights, Settings
from limner.evaluation.report import summary, write_report
from limner.models.bank import CodeBank
from limner.models.inversion import InversionConfig
from limner.models.pix2pix import Pix2Pix, Pix2PixConfig
from limner.models.registry import WeightsError, save_bank
from tests.support.faces import face_photo
from tests.support.tiny import add_inversion, random_codes, write_weights

UNET = InversionConfig("unet", unet=(8, 8, 8, 8))
PIX2PIX = Pix2PixConfig(width=4)


def some_weights(folder: Path) -> Path:
    """Untrained networks, with a bank of faces that the data has."""
    write_weights(folder)
    save_bank(CodeBank(random_codes(16), torch.arange(16) % 8), folder, "untrained")
    return add_inversion(folder)


def checkpoint(folder: Path, network: torch.nn.Module, minutes: float) -> None:
    """What a training leaves, as far as it is measured."""
    folder.mkdir(parents=True)
    torch.save({"ema": network.state_dict(), "minutes": minutes}, folder / "checkpoint.pt")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little of everything."""
    monkeypatch.setattr(portraits, "SWEEP", (0.3, 1.0))
    monkeypatch.setattr(novices, "STEPS", (0.0, 0.5, 1.0))
    monkeypatch.setattr(upsampling, "TIMED", 1)
    monkeypatch.setattr(upsampling, "EPS", 0.1)  # soon reached
    large = np.stack([cv2.resize(face_photo(3 * i), (512, 512)) for i in range(3)])  # the data has one such only
    monkeypatch.setattr(
        reconstruction, "sharp_photos", lambda data, most, side=256: large[:, :: 512 // side, :: 512 // side]
    )
    monkeypatch.setattr(baselines, "Pix2PixConfig", lambda: PIX2PIX)
    monkeypatch.setattr(inversion, "InversionConfig", lambda kind: UNET)


@pytest.fixture
def settings(face_data: Path, tmp_path: Path) -> Settings:
    torch.manual_seed(0)
    weights = some_weights(tmp_path / "weights")
    runs = tmp_path / "runs"
    checkpoint(runs / "pix2pix", Pix2Pix(PIX2PIX), 61.0)
    checkpoint(runs / "inversion_baseline", inversion.Inversion(UNET), 45.0)
    drawings = tmp_path / "novices"
    drawings.mkdir()
    face = cv2.ellipse(np.full((300, 400), 255, np.uint8), (200, 150), (80, 110), 0, 0, 360, 0, 3)
    cv2.imwrite(str(drawings / "face.png"), face)
    cv2.imwrite(str(drawings / "nothing.png"), np.full((300, 400), 255, np.uint8))
    others = (OtherWeights("Limner, 60 min", weights),)
    return Settings(face_data, weights, tmp_path / "report", 8, 2, runs, others, drawings)


def test_the_report_of_untrained_networks_is_complete(settings: Settings, quick: None) -> None:
    report = evaluate(settings)
    page = write_report(report, settings.out).read_text()
    stored = json.loads((settings.out / "report.json").read_text())
    assert list(stored["sections"]) == list(SECTIONS)
    tables = {table["name"]: table for part in stored["sections"].values() for table in part["tables"]}
    labels = [row["label"] for row in tables["lines"]["rows"]]
    assert labels[:4] == ["Limner, refine 0.3", "Limner, refine 0", "Limner, refine 1", "Limner, 60 min, refine 0.3"]
    assert labels[4:] == ["pix2pix U-Net, 61 min", "mean face", "nearest training photo", "the drawing itself"]
    assert [row["label"] for row in tables["inversion-color"]["rows"]][2] == "U-Net of the same size, 45 min"
    assert [row["label"] for row in tables["spoiled"]["rows"]][1:] == [
        *("25% erased", "50% erased", "75% erased", "bent by 4 px", "bent by 8 px", "bent by 12 px")
    ]
    for table in tables.values():
        for row in table["rows"]:
            for name, value in row.items():
                assert name == "label" or value["low"] <= value["value"] + 1e-6 <= value["high"] + 2e-6, (table, name)
        assert not table["grid"] or (settings.out / f"{table['grid']}.png").is_file()
    grid = cv2.imread(str(settings.out / "lines.png"))
    assert grid.shape == ((1 + 8 + 1) * 256, 2 * 256, 3)
    facts = stored["facts"]
    assert facts["eye_error"]["n"] == 2
    assert facts["sharper_than_bicubic"]["n"] == 3
    assert facts["novices_made"]["value"] == 0.5  # an empty sheet gives no portrait
    assert {"kd_lines_over_pix2pix", "near_dlib_lines"} <= facts.keys()
    elsewhere = ("kd_feret", "rank1_", "full_pass", "speedup")  # sets that this data lacks, and what the bench measures
    asked = {one.mark.fact for one in report.marks if one.mark.fact and not one.mark.fact.startswith(elsewhere)}
    assert asked <= facts.keys()
    assert "lines.png" in page
    assert "NOT met" in page
    assert not any(part["missing"] for part in stored["sections"].values())
    reading = [line for line in summary(report) if "sharp photos at 256" in line]
    assert "NOT met" in reading[0]


def test_what_is_missing_is_said_and_the_rest_measured(settings: Settings, quick: None, tmp_path: Path) -> None:
    bare = write_weights(tmp_path / "bare")
    save_bank(CodeBank(random_codes(16), torch.arange(16) % 8), bare, "untrained")
    without = replace(settings, weights=bare, baselines=None, others=(), novices=tmp_path / "nowhere")
    report = evaluate(without, ["portraits", "inversion", "novices"])
    missing = {part.name: " ".join(part.missing) for part in report.sections}
    assert "limner train pix2pix" in missing["portraits"]
    assert "limner train inversion" in missing["inversion"]
    assert "--novices" in missing["novices"]
    text = write_report(report, settings.out).read_text()
    assert "The pix2pix baseline is missing" in text
    assert "not measured" in text
    alone = evaluate(replace(without, weights=settings.weights), ["inversion"])
    assert "inversion_baseline" in " ".join(alone.sections[0].missing)
    assert "inversion_gain_line" not in alone.facts


def test_sections_are_kept_for_the_weights_they_were_measured_on(settings: Settings, quick: None) -> None:
    first = evaluate(settings, ["reconstruction"])
    again = evaluate(settings, ["novices"])
    assert [part.name for part in again.sections] == ["reconstruction", "novices"]
    assert again.facts["codec_psnr"] == first.facts["codec_psnr"]
    assert again.sections[0].tables == first.sections[0].tables
    torch.manual_seed(5)
    save_bank(CodeBank(random_codes(16), torch.arange(16) % 8), settings.weights, "another")
    assert [part.name for part in evaluate(settings, ["novices"]).sections] == ["novices"]


def test_the_times_come_from_the_bench(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text(json.dumps({"full_pass_ms": {"p50": 550.0, "p95": 700.0}, "speedup_over_deepfacedrawing": 31.0}))
    report = evaluate(replace(settings, bench=file), ["reconstruction"])
    met = {one.mark.fact: one.verdict for one in report.marks}
    assert (met["full_pass_seconds"], met["speedup"], met["weights_mb"]) == ("met", "met", "met")
    assert met["kd_feret"] == "not measured"
    file.write_text(json.dumps({"full_pass_ms": {"p50": 650.0, "p95": 700.0}, "speedup_over_deepfacedrawing": None}))
    report = evaluate(replace(settings, bench=file), ["reconstruction"])
    met = {one.mark.fact: one.verdict for one in report.marks}
    assert (met["full_pass_seconds"], met["speedup"]) == ("NOT met", "not measured")


def test_a_trained_baseline_is_read_back(tmp_path: Path) -> None:
    network = Pix2Pix(PIX2PIX)
    checkpoint(tmp_path / "pix2pix", network, 12.0)
    read = baselines.read_baseline(Pix2Pix(PIX2PIX), tmp_path / "pix2pix")
    ink = torch.rand(1, 1, 256, 256)
    assert torch.equal(read(ink), network.eval()(ink))
    assert baselines.trained_minutes(tmp_path / "pix2pix") == 12
    assert baselines.trained_minutes(tmp_path / "other") is None
    with pytest.raises(WeightsError, match="of another network"):
        baselines.read_baseline(Pix2Pix(Pix2PixConfig(width=8)), tmp_path / "pix2pix")
