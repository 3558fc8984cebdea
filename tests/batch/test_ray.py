# SPDX-License-Identifier: Apache-2.0
"""`limner batch --engine ray` on a cluster of two nodes with a worker each, on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from limner.batch.cluster import Drawer, check_ray
from limner.batch.items import Work
from limner.wire import LimnerError
from tests.batch.test_batch_command import draw
from tests.support.command import FAKE_ENGINE, Command


def test_without_ray_it_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LimnerError, match=r"pip install 'limner\[ray\]'"):
        check_ray()


def test_an_actor_draws_or_says_why_not() -> None:
    import numpy as np

    drawer = Drawer(FAKE_ENGINE, "cpu")
    sketch = np.full((20, 20, 1), 255, np.uint8)
    images, problem = drawer.draw(Work("portrait", {}), "sketch", sketch)
    assert (images, problem.code if problem else "") == ({}, "blank_sketch")
    sketch[5] = 0
    images, problem = drawer.draw(Work("portrait", {"shadow": False}), "sketch", sketch)
    assert (list(images), problem) == (["portrait"], None)
    assert drawer.draw(Work("portrait", {"seed": -1}), "sketch", sketch)[1] is not None


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one CPU each."""
    pytest.importorskip("ray", reason="Ray, an optional extra, is not installed")
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    found.add_node(num_cpus=1)
    yield found
    found.shutdown()


def test_a_folder_is_spread_over_the_cluster(cluster: Any, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(6):
        draw(folder / f"{number}.png", 5 + 5 * number)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    command = Command(tmp_path / "home", tmp_path)
    ran = command.run("batch", folder, "-o", out, "--engine", "ray", "--address", cluster.address, "--json")
    report = json.loads(ran.stdout)
    assert ran.status == 1
    assert len(report["done"]) == 6, ran
    assert report["at_once"] == 2, "one actor on each node"
    assert [Path(item["input"]).name for item in report["failed"]] == ["broken.png"]
    for number in range(6):
        with Image.open(out / f"{number}.png") as picture:
            assert picture.size == (512, 512)
    assert not (tmp_path / "home" / "connection.json").exists(), "no backend of this machine takes part"
