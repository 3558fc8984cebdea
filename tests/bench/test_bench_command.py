# SPDX-License-Identifier: Apache-2.0
"""`limner bench` with the light engine: everything is measured and told, and the user's backend is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from limner.bench.backend import BackendBench
from limner.bench.drawings import example_sketch, with_other_eye
from limner.bench.report import BEGIN, END, check_readme, embed, markdown
from limner.bench.timing import Times, percentile, time_runs
from limner.client import Client
from limner.models.components import WINDOWS
from limner.wire import Result
from tests.support.command import Command


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One bench for all tests; its three files lie beside `bench.json`."""
    folder = tmp_path_factory.mktemp("bench")
    command = Command(folder / "home", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("limner.bench.networks._GEMM_S", 0.0)
        patch.setattr("limner.bench.networks._PRODUCT_S", 0.0)
        ran = command.run("bench", "--runs", "2", "--no-comparison", "--json", "--out", folder / "out")
    assert ran.status == 0, ran
    assert not (folder / "home").exists(), "the user's home is not touched"
    told = json.loads(ran.stdout)
    assert json.loads((folder / "out" / "bench.json").read_text("utf-8")) == told
    return told | {"folder": folder / "out"}


def test_what_scripts_rely_on_is_there(report: dict[str, Any]) -> None:
    for name in ("full_pass_ms", "window_update_ms", "wire_ms", "wire_pure_python_ms"):
        assert 0 < report[name]["p50"] <= report[name]["p95"], name
        assert report[name]["runs"] == 2
    assert report["ready_s"] > 0
    assert 0 < report["rss_mb"] <= report["peak_rss_mb"]
    assert report["throughput_per_s"].keys() == {"1", "2", "4", "8"}
    assert all(rate > 0 for rate in report["throughput_per_s"].values())
    assert report["speedup_over_deepfacedrawing"] is None
    assert report["speedup_over_deepfacedrawing_alike"] is None
    assert report["weights"] == {"fake.safetensors": "0" * 64}
    assert report["outside_networks_share"] == 1.0, "the light engine has no networks"


def test_what_is_outside_the_networks_is_told_of_each_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow network in one pass is no overhead of another."""
    networks = iter([9.0, 9.0, 80.0, 20.0, 9.0, 9.0, 20.0])  # milliseconds; the first two passes of each half warm up
    seconds, between = iter([[0.090, 0.060], [0.060]]), list[str]()

    def draw(*_: object) -> Result:
        return Result("job", {"timings_ms": {"reading": 1.0, "synthesis": next(networks)}}, {})

    def timed(run: Callable[[], object], runs: int, warm_up: int, after: object) -> list[float]:
        for _ in range(warm_up + runs):
            run()
        return next(seconds)

    monkeypatch.setattr("limner.bench.backend.time_runs", timed)
    monkeypatch.setattr(BackendBench, "_draw", draw)
    bench = BackendBench(3, lambda name, share: None, between.append)
    bench.figures.device = "cpu"
    bench._time_full_pass(cast(Client, None))
    assert between == ["cpu"]
    assert bench.figures.outside == Times(40.0, 40.0, 30.0, 3)
    assert bench.figures.stages == {"reading": 1.0, "synthesis": 20.0}


def test_the_table_and_the_plot_are_written(report: dict[str, Any]) -> None:
    folder: Path = report["folder"]
    assert (folder / "bench.png").read_bytes().startswith(b"\x89PNG")
    table = (folder / "bench.md").read_text("utf-8")
    assert f"| {report['ready_s']:.1f} s |" in table
    assert "portraits a second, 8 clients" in table


def test_the_table_and_the_plot_are_put_between_the_marks_of_a_readme(report: dict[str, Any], tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# Before\n\n{BEGIN}\nof old\n{END}\n\nafter\n")
    for _ in range(2):
        check_readme(readme)
        embed(readme, report, tmp_path / "docs" / "bench.png")
    text = readme.read_text("utf-8")
    assert text.startswith(f"# Before\n\n{BEGIN}\nLimner ")
    assert text.endswith(f"![What was measured](docs/bench.png)\n{END}\n\nafter\n")
    assert text.count(markdown(report)) == 1
    assert "of old" not in text


def test_a_readme_without_a_place_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    command = Command(tmp_path / "home", tmp_path)
    readme = tmp_path / "README.md"
    assert "cannot be read" in command.fails("bench", "--out", tmp_path / "out", "--readme", readme)
    readme.write_text(f"{END}\n{BEGIN}\n")
    assert f"Put the lines {BEGIN} and {END}" in command.fails("bench", "--out", tmp_path / "out", "--readme", readme)
    assert command.run("bench", "--readme", readme).status == 2
    assert not (tmp_path / "out").exists()


def test_a_matrix_peak_that_nobody_would_use_is_left_out(report: dict[str, Any]) -> None:
    peaks = {"float32": 100.0, "bfloat16": 30.0}
    shares = {"float32": 0.5, "bfloat16": 1.6}
    slow = markdown({**report, "matrix_peak_gmac_per_s": peaks, "share_of_matrix_peak": shares})
    assert "float32 matrix peak (100 G multiply-adds a second) | 50 %" in slow
    assert "bfloat16" not in slow
    fast = markdown({**report, "matrix_peak_gmac_per_s": {**peaks, "bfloat16": 200.0}, "share_of_matrix_peak": shares})
    assert "bfloat16 matrix peak (200 G multiply-adds a second) | 160 %" in fast
    assert "float32 matrix" not in fast


def test_the_table_compares(report: dict[str, Any]) -> None:
    times = {"p50": 2000.0, "p95": 2100.0, "mean": 2000.0, "runs": 5}
    published = {"deepfacedrawing": {"parameters_m": 425.6, "gmac": 280.9, "ms": times}}
    table = markdown({**report, "published": published, "speedup_over_deepfacedrawing": 12.3})
    assert "425 M parameters" in table or "426 M parameters" in table
    assert "p50 2000 ms, p95 2100 ms (5 runs)" in table
    assert "12.3 times" in table
    assert "as most of Limner is here" not in table, "Limner computes in single precision there, too"


def test_the_table_compares_at_equal_precision_where_limner_computes_in_fewer_bits(report: dict[str, Any]) -> None:
    times = {"p50": 1500.0, "p95": 1600.0, "mean": 1500.0, "runs": 5}
    alike = {"precision": "int8", "ms": times}
    quick = {"deepfacedrawing_alike": alike, "speedup_over_deepfacedrawing_alike": 7.5}
    table = markdown({**report, **quick})
    assert "DeepFaceDrawing in int8, as most of Limner is here" in table
    assert "| p50 1500 ms, p95 1600 ms (5 runs) |" in table
    assert "| 7.5 times |" in table


def test_the_changed_drawing_differs_in_one_window_only() -> None:
    before, after = example_sketch(), with_other_eye(example_sketch())
    rows, columns = np.nonzero((before != after)[..., 0])
    assert rows.size
    for window in WINDOWS[:-1]:
        inside = (rows >= window.y) & (rows < window.y + window.size)
        inside &= (columns >= window.x) & (columns < window.x + window.size)
        assert inside.all() if window.name == "left_eye" else not inside.any(), window.name


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 95), percentile(values, 100)) == (50.0, 95.0, 100.0)
    assert percentile([7.0], 95) == 7.0
    assert Times.of([0.001, 0.003]) == Times(1.0, 3.0, 2.0, 2)
    with pytest.raises(ValueError, match="no run"):
        Times.of([])


def test_warm_up_runs_do_not_count() -> None:
    calls: list[str] = []
    seconds = time_runs(lambda: calls.append("run"), 3, warm_up=2, after=lambda done: calls.append(str(done)))
    assert len(seconds) == 3
    assert calls == ["run", "run", "run", "1", "run", "2", "run", "3"]
