# SPDX-License-Identifier: Apache-2.0
"""`limner batch --engine ray` on a cluster of two nodes with a worker each, on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image

from limner.batch.cluster import Drawer, _Actors, check_ray, place
from limner.batch.items import Work, find_pictures, plan
from limner.wire import ErrorCode, LimnerError
from tests.batch.test_batch_command import draw
from tests.support.command import FAKE_ENGINE, Command
from tests.support.fake_engine import DEADLY


def test_without_ray_it_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LimnerError, match=r"pip install 'limner\[ray\]'"):
        check_ray()


def test_an_actor_draws_or_says_why_not() -> None:
    drawer = Drawer(FAKE_ENGINE, "cpu")
    assert drawer.build()[1] is None
    sketch = np.full((20, 20, 1), 255, np.uint8)
    images, problem = drawer.draw(Work("portrait", {}), "sketch", sketch)
    assert (images, problem.code if problem else "") == ({}, "blank_sketch")
    sketch[5] = 0
    images, problem = drawer.draw(Work("portrait", {"shadow": False}), "sketch", sketch)
    assert (list(images), problem) == (["portrait"], None)
    assert drawer.draw(Work("portrait", {"seed": -1}), "sketch", sketch)[1] is not None


def test_each_actor_takes_a_gpu_where_there_are_some_and_sees_its_own_only() -> None:
    with_gpus = {"CPU": 16.0, "GPU": 2.0}
    assert place("auto", {"CPU": 2.0}) == ("CPU", "auto")
    assert place("auto", with_gpus) == ("GPU", "auto")
    assert place("cuda:1", with_gpus) == ("GPU", "cuda")
    assert place("cpu", with_gpus) == ("CPU", "cpu")
    with pytest.raises(LimnerError, match="has no GPU"):
        place("cuda", {"CPU": 2.0})


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of two nodes of one CPU each."""
    pytest.importorskip("ray", reason="Ray, an optional extra, is not installed")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="ray-") as folder:  # sockets need short paths
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_TMPDIR", folder)  # Ray notes the cluster's address below it, in a folder that has to be there
        Path(folder, "ray").mkdir()
        head = {"num_cpus": 1, "include_dashboard": False, "temp_dir": str(Path(folder, "ray"))}
        found = Cluster(initialize_head=True, head_node_args=head)
        found.add_node(num_cpus=1)
        yield found.address
        found.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six drawings."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(6):
        draw(folder / f"{number}.png", 5 + 5 * number)
    return folder


def test_a_folder_is_spread_over_the_cluster(cluster: str, folder: Path, tmp_path: Path) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    out = tmp_path / "out"
    command = Command(tmp_path / "home", tmp_path)
    ran = command.run("batch", folder, "-o", out, "--engine", "ray", "--address", cluster, "--json")
    report = json.loads(ran.stdout)
    assert ran.status == 1
    assert len(report["done"]) == 6, ran
    assert report["at_once"] == 2, "one actor on each node"
    assert [Path(item["input"]).name for item in report["failed"]] == ["broken.png"]
    for number in range(6):
        with Image.open(out / f"{number}.png") as picture:
            assert picture.size == (512, 512)
    assert not (tmp_path / "home" / "connection.json").exists(), "no backend of this machine takes part"


def test_a_picture_that_ends_its_actor_costs_itself_only(cluster: str, folder: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 20), DEADLY, np.uint8)).save(folder / "deadly.png")
    command = Command(tmp_path / "home", tmp_path, "tests.support.fake_engine:build_mortal")
    report = json.loads(
        command.run("batch", folder, "-o", tmp_path / "out", "--engine", "ray", "--address", cluster, "--json").stdout
    )
    assert len(report["done"]) == 6
    assert [(Path(item["input"]).name, item["code"]) for item in report["failed"]] == [
        ("deadly.png", ErrorCode.WORKER_DIED)
    ]


def test_an_engine_that_cannot_be_built_is_one_line(cluster: str, folder: Path, tmp_path: Path) -> None:
    command = Command(tmp_path / "home", tmp_path, "tests.support.fake_engine:build_without_weights")
    on_ray = ("batch", folder, "-o", tmp_path / "out", "--engine", "ray", "--address", cluster)
    assert "fake.safetensors is missing. Install Limner again." in command.fails(*on_ray)
    assert "The Ray cluster has no GPU." in command.fails(*on_ray, "--device", "cuda")
    nowhere = (*on_ray[:-1], "127.0.0.1:1")
    assert "The Ray cluster cannot be reached" in command.fails(*nowhere)


def test_actors_that_the_cluster_has_no_room_for_are_not_waited_for(cluster: str, folder: Path, tmp_path: Path) -> None:
    import ray

    ray.init(address=cluster, log_to_driver=False)
    try:
        drawer = ray.remote(Drawer).options(num_cpus=1)
        items, _ = plan(find_pictures(folder), tmp_path, overwrite=False)
        actors = _Actors(ray, lambda: drawer.remote(FAKE_ENGINE, "cpu"), 3)
        outcomes = list(actors.run(items, Work("portrait", {"shadow": False}), lambda count: None))
        assert sorted((outcome.item.source.name, outcome.problem) for outcome in outcomes) == [
            (f"{number}.png", None) for number in range(6)
        ]
    finally:
        ray.shutdown()
