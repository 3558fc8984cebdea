# SPDX-License-Identifier: Apache-2.0
"""The memory that the server and a worker share for pictures: who sees what in it, and what becomes of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from limner.client import Client
from limner.server.worker import link, memory
from limner.server.worker.link import LinkMessage
from limner.server.worker.memory import HALF_BYTES, PictureMemory, new_memory
from limner.wire import Pixels, Result
from tests.server.conftest import Start
from tests.support.backends import ServerProcess, follow, picture, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has memory without a name")

SIDE = 256
Pair = tuple[PictureMemory, PictureMemory]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The server's view and the worker's."""
    descriptor = new_memory()
    assert descriptor is not None
    yield PictureMemory(descriptor, server=True), PictureMemory(descriptor, server=False)
    os.close(descriptor)


def gray(value: int, side: int = SIDE) -> Pixels:
    return Pixels(side, side, 1, "u8", bytes([value]) * (side * side))


def test_each_side_reads_what_the_other_wrote_and_cannot_change_it(pair: Pair) -> None:
    server, worker = pair
    assert server.put([b"for the worker"]) == worker.put([b"for the server"]) == [0]
    assert bytes(worker.get(0, 14)) == b"for the worker"
    assert bytes(server.get(0, 14)) == b"for the server"
    assert worker.get(0, 14).readonly
    assert server.get(0, 14).readonly


def test_pictures_lie_one_after_another_where_vectors_can_be_loaded(pair: Pair) -> None:
    server, worker = pair
    places = server.put([b"abc", b"defgh", b""])
    assert places == [0, 64, 128]
    assert bytes(worker.get(64, 5)) == b"defgh"


def test_what_has_no_room_is_not_put_there(pair: Pair) -> None:
    server, worker = pair
    full = bytes(range(256)) * (HALF_BYTES // 256)
    assert server.put([b"a", full, b"b"]) == [0, None, 64]
    assert server.put([full]) == [0]
    assert worker.get(0, HALF_BYTES) == full


@pytest.mark.parametrize(("place", "size"), [(-1, 1), (0, HALF_BYTES + 1), (HALF_BYTES, 1), (5, -1)])
def test_nothing_beyond_the_other_half_can_be_read(pair: Pair, place: int, size: int) -> None:
    with pytest.raises(ValueError, match="no picture can be at"):
        pair[0].get(place, size)


def test_it_cannot_become_smaller_under_who_reads_it() -> None:
    descriptor = new_memory()
    assert descriptor is not None
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)


def test_without_memory_enough_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, start: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, "posix_fallocate", full)
    assert new_memory() is None
    assert len(os.listdir("/proc/self/fd")) == before, "its descriptor is closed"


def test_jobs_and_results_go_through_it_and_previews_do_not(pair: Pair) -> None:
    server, worker = pair
    for kind, frames in ((link.JOB, 1), (link.RESULT, 1), (link.PREVIEW, 2)):
        message = LinkMessage(kind, 4, {"k": 1}, {"a": gray(7)})
        sent = link.encode(message, server)
        assert len(sent) == frames
        assert link.decode(sent, worker.get) == message


def test_a_picture_without_room_goes_as_a_frame_among_others(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    server, worker = pair
    monkeypatch.setattr(memory, "HALF_BYTES", SIDE * SIDE + 1)
    message = LinkMessage(link.JOB, 4, {}, {"large": gray(1, 2 * SIDE), "fits": gray(2), "other": gray(3)})
    sent = link.encode(message, server)
    assert len(sent) == 3
    assert link.decode(sent, worker.get) == message


@pytest.mark.parametrize("frames", [[], [b"one", b"more"]])
def test_as_many_frames_have_to_come_as_were_told_of(frames: list[bytes]) -> None:
    header = link.encode(LinkMessage(link.RESULT, 1, {}, {"a": gray(1)}))[0]
    with pytest.raises(Exception, match=r"bytes do not fit|more frames"):
        link.decode([header, *([bytes(gray(1).data), *frames[1:]] if frames else [])])


@pytest.fixture
def server(start: Start) -> ServerProcess:
    return start()


def mappings(pid: int) -> list[str]:
    return [line for line in Path(f"/proc/{pid}/maps").read_text("utf-8").splitlines() if "/memfd:limner" in line]


def test_results_that_are_not_read_yet_stay_what_they_are(server: ServerProcess) -> None:
    """The next job's pictures take the place of the last one's, and a client may read late."""
    with (
        Client(server.wait_until_listening(), transport="zmtp") as late,
        Client(server.wait_until_listening()) as other,
    ):
        late.wait_ready()
        jobs = {late.submit("portrait", {"sketch": picture()}, {"seed": seed}): seed for seed in range(12)}
        wait_for(lambda: other.stats().done >= len(jobs) or None, "the last job")
        found = follow(late, jobs)
        for job, seed in jobs.items():
            expected = other.run("portrait", {"sketch": picture()}, {"seed": seed}).images
            end = found[job][-1]
            assert isinstance(end, Result)
            assert {name: bytes(image.data) for name, image in end.images.items()} == {
                name: bytes(image.data) for name, image in expected.items()
            }


def test_each_worker_has_its_own_and_a_dead_ones_is_given_back(server: ServerProcess) -> None:
    with Client(server.wait_until_listening()) as client:
        client.wait_ready()
        first = client.stats().worker_pid
        inode = mappings(first)[0].split()[4]
        assert [line.split()[4] for line in mappings(server.process.pid)] == [inode]
        with pytest.raises(Exception, match="worker"):
            client.run("crash", {}, {"signal": 9})
        wait_for(lambda: client.stats().worker_pid not in (0, first) or None, "the next worker")
        client.run("echo", {"image": gray(1)})
        (kept,) = mappings(server.process.pid)
        assert kept.split()[4] != inode
        assert not [name for name in os.listdir("/dev/shm") if "limner" in name]
