# SPDX-License-Identifier: Apache-2.0
"""How a worker starts: threads, its boot line, the engine's factory, garbage."""

from __future__ import annotations

import gc
import os

import pytest

from limner.server.worker.boot import WorkerBoot, choose_threads, garbage_ignored, load_factory, worker_threads


def test_half_of_many_cpus_compute() -> None:
    assert [worker_threads(cpus) for cpus in (1, 2, 4, 6, 8, 16, 128)] == [1, 2, 4, 4, 4, 8, 16]
    assert [worker_threads(cpus, beside=1) for cpus in (1, 2, 4, 16, 128)] == [1, 1, 2, 4, 16]


def test_the_boot_line_survives() -> None:
    boot = WorkerBoot("tcp://127.0.0.1:1", "ab", "auto", "a.b:c", 42)
    assert WorkerBoot.from_line(boot.to_line()) == boot
    assert boot.to_line().count(b"\n") == 1


def test_the_engine_is_found_by_its_dotted_name() -> None:
    assert load_factory("tests.support.fake_engine:build_engine")("auto").device == "cpu"


@pytest.mark.parametrize("name", ["", "tests.support.fake_engine", ":build", "tests.support.fake_engine:"])
def test_a_wrong_dotted_name_is_explained(name: str) -> None:
    with pytest.raises(ValueError, match=r"package\.module:function"):
        load_factory(name)


def test_threads_soon_sleep_while_they_wait_and_the_users_own_settings_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "GOMP_SPINCOUNT", "OPENCV_FOR_THREADS_NUM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("limner.server.worker.boot.available_cpus", lambda: 4)
    choose_threads(beside=1)
    assert (os.environ["OMP_NUM_THREADS"], os.environ["GOMP_SPINCOUNT"]) == ("2", "30000")
    assert os.environ["OPENCV_FOR_THREADS_NUM"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    choose_threads()
    assert (os.environ["OMP_NUM_THREADS"], os.environ["GOMP_SPINCOUNT"]) == ("3", "7")


def test_garbage_is_looked_for_again_once_all_is_loaded() -> None:
    def fail() -> None:
        with garbage_ignored():
            assert not gc.isenabled()
            raise LookupError

    try:
        with pytest.raises(LookupError):
            fail()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0, "what was loaded is left out"
    finally:
        gc.unfreeze()
