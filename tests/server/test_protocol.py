# SPDX-License-Identifier: Apache-2.0
"""The real server with the fake engine, over both transports of the client."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator

import pytest

from limner.client import BackendError, Client
from limner.wire import (
    Cancelled,
    ConnectionInfo,
    Error,
    ErrorCode,
    Pixels,
    Preview,
    Progress,
    Queued,
    Result,
)
from tests.support.backends import (
    ServerProcess,
    end_of,
    follow,
    picture,
    wait_for_message,
)

ENDLESS = {"steps": 10_000, "step_ms": 10}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("protocol") / "home", "--device", "fake:0")
    yield process
    process.stop()


@pytest.fixture
def connection(server: ServerProcess) -> ConnectionInfo:
    return server.wait_until_listening()


@pytest.fixture(params=["pyzmq", "zmtp"])
def client(request: pytest.FixtureRequest, connection: ConnectionInfo) -> Iterator[Client]:
    with Client(connection, transport=request.param) as connected:
        connected.wait_ready()
        yield connected


def test_welcome_tells_device_weights_and_schema(client: Client, server: ServerProcess) -> None:
    welcome = client.wait_ready()
    assert (welcome.pid, welcome.device, welcome.state) == (server.process.pid, "fake:0", "ready")
    assert set(welcome.weights) == {"fake.safetensors"}
    assert {"portrait", "shadow", "echo"} <= set(welcome.schema)
    assert welcome.schema["echo"].validate({}) == {"delay_ms": 0, "steps": 1}


def test_a_portrait_with_its_progress_and_preview(client: Client) -> None:
    job_id = client.submit("portrait", {"sketch": picture()}, {"steps": 4, "seed": 5})
    messages = follow(client, [job_id])[job_id]
    told = [message for message in messages if isinstance(message, Progress)]
    assert messages[0] == told[0], "it waits for nothing"
    assert [message.fraction for message in told if message.stage != "start"] == [0.25, 0.5, 0.75, 1.0]
    (preview,) = (message for message in messages if isinstance(message, Preview))
    assert [(pixels.width, pixels.height) for pixels in preview.images.values()] == [(64, 64)]
    result = messages[-1]
    assert isinstance(result, Result)
    assert {name: (image.width, image.height, image.channels) for name, image in result.images.items()} == {
        "portrait": (512, 512, 4),
        "shadow": (512, 512, 4),
    }
    assert (result.info["seed"], result.info["device"], result.info["params"]["refine"]) == (5, "fake:0", 0.3)


def test_the_same_seed_gives_the_same_bytes(client: Client) -> None:
    def portrait(seed: int) -> bytes:
        return bytes(client.run("portrait", {"sketch": picture()}, {"seed": seed}).images["portrait"].data)

    assert portrait(1) == portrait(1)
    assert portrait(1) != portrait(2)


@pytest.mark.parametrize(
    "pixels",
    [
        picture(channels=1),
        Pixels(3, 2, 2, "u16", struct.pack("<12H", *range(60_000, 60_012))),
        Pixels(2, 2, 3, "f32", struct.pack("<12f", *(number / 11 for number in range(12)))),
        Pixels(8192, 1, 4, "u8", bytes(range(256)) * 128),
        Pixels(4096, 4096, 4, "u8", bytes(4) + bytes(range(1, 256)) * 263172),
    ],
    ids=["u8", "u16", "f32", "widest", "64 MiB"],
)
def test_echo_gives_every_kind_of_picture_back(client: Client, pixels: Pixels) -> None:
    back = client.run("echo", {"image": pixels}).images["image"]
    assert (back.width, back.height, back.channels, back.dtype) == (
        pixels.width,
        pixels.height,
        pixels.channels,
        pixels.dtype,
    )
    assert bytes(back.data) == bytes(pixels.data)


@pytest.mark.parametrize(
    ("task", "params", "images", "code", "part"),
    [
        ("juggle", {}, {}, ErrorCode.UNKNOWN_TASK, "juggle"),
        ("echo", {"delay_ms": -1}, {"image": picture()}, ErrorCode.BAD_PARAMETER, "delay_ms"),
        ("echo", {"unheard": 1}, {"image": picture()}, ErrorCode.BAD_PARAMETER, "unheard"),
        ("echo", {}, {}, ErrorCode.BAD_PICTURE, "image"),
        ("echo", {}, {"image": picture(), "more": picture()}, ErrorCode.BAD_PICTURE, "more"),
        ("portrait", {}, {"sketch": Pixels(2, 2, 1, "u8", bytes(4))}, ErrorCode.BLANK_SKETCH, "blank"),
        ("raise", {}, {}, ErrorCode.INTERNAL, "no such face"),
    ],
)
def test_a_job_that_cannot_be_done_ends_with_its_reason(
    client: Client, task: str, params: dict[str, int], images: dict[str, Pixels], code: str, part: str
) -> None:
    error = end_of(client, task, params, **images)
    assert isinstance(error, Error)
    assert error.code == code
    assert part in error.message
    assert error.remedy


def test_out_of_memory_is_tried_once_on_the_cpu(client: Client) -> None:
    assert client.run("oom", {}, {}).info["device"] == "cpu"
    with pytest.raises(BackendError, match="Neither fake:0 nor the CPU") as caught:
        client.run("oom", {}, {"everywhere": True})
    assert caught.value.code == ErrorCode.OUT_OF_MEMORY


def test_two_clients_get_their_own_results(client: Client, connection: ConnectionInfo) -> None:
    with Client(connection, transport="zmtp") as other:
        ours = {client.submit("echo", {"image": picture(seed)}): seed for seed in range(0, 8)}
        theirs = {other.submit("echo", {"image": picture(seed)}): seed for seed in range(100, 108)}
        for who, jobs in ((client, ours), (other, theirs)):
            for job_id, messages in follow(who, jobs).items():
                result = messages[-1]
                assert isinstance(result, Result)
                assert bytes(result.images["image"].data) == picture(jobs[job_id]).data
        assert not [message for message in client.poll() if message.id in theirs]


def test_cancel_while_running_and_while_queued(client: Client) -> None:
    running = client.submit("slow", {}, ENDLESS)
    queued = client.submit("slow", {}, ENDLESS)
    last = client.submit("echo", {"image": picture()})
    wait_for_message(client, Progress, running)
    client.cancel(queued)
    assert wait_for_message(client, Cancelled, queued).reason == "request"
    client.cancel(running)
    heard = follow(client, [running, last])
    assert heard[running][-1] == Cancelled(running, "request")
    assert isinstance(heard[last][-1], Result)


def test_cancel_does_not_wait_for_a_long_pause_of_echo(client: Client) -> None:
    job_id = client.submit("echo", {"image": picture()}, {"delay_ms": 60_000, "steps": 1})
    wait_for_message(client, Progress, job_id)
    client.cancel(job_id)
    assert wait_for_message(client, Cancelled, job_id)


def test_the_newest_live_job_wins_and_the_running_one_is_left_alone(client: Client, connection: ConnectionInfo) -> None:
    with Client(connection) as other:
        running = client.submit("slow", {}, ENDLESS, canvas="face", live=True)
        wait_for_message(client, Progress, running)
        others = other.submit("portrait", {"sketch": picture()}, canvas="face", live=True)
        wait_for_message(other, Queued, others)
        live = [client.submit("echo", {"image": picture(n)}, canvas="face", live=True) for n in range(5)]
        heard = follow(client, live[:4])
        assert [heard[job_id][-1] for job_id in live[:4]] == [Cancelled(job_id, "replaced") for job_id in live[:4]]
        wait_for_message(client, Progress, running)
        client.cancel(running)
        heard = follow(client, [running, live[4]])
        assert heard[running][-1] == Cancelled(running, "request")
        assert isinstance(heard[live[4]][-1], Result)
        assert isinstance(follow(other, [others])[others][-1], Result)


def test_a_client_that_vanishes_does_not_keep_the_worker(client: Client, connection: ConnectionInfo) -> None:
    before = client.stats().cancelled
    vanishing = Client(connection, transport="zmtp")
    vanishing.connect()
    job_id = vanishing.submit("slow", {}, ENDLESS)
    wait_for_message(vanishing, Progress, job_id)
    transport = vanishing._link._transport
    assert transport is not None
    transport.close()  # as when its process is killed: without a cancel
    assert isinstance(end_of(client, "echo", image=picture()), Result)
    assert client.stats().cancelled == before + 1


def test_a_worker_killed_in_the_middle_of_a_job_costs_that_job_only(client: Client) -> None:
    before = client.stats()
    victim = client.submit("slow", {}, ENDLESS)
    survivor = client.submit("echo", {"image": picture(9)})
    wait_for_message(client, Progress, victim)
    os.kill(before.worker_pid, signal.SIGKILL)
    heard = follow(client, [victim, survivor])
    error, result = heard[victim][-1], heard[survivor][-1]
    assert isinstance(error, Error)
    assert error.code == ErrorCode.WORKER_DIED
    assert "SIGKILL" in error.message
    assert isinstance(result, Result)
    after = client.stats()
    assert after.pid == before.pid
    assert after.worker_pid != before.worker_pid
    assert after.worker_restarts == before.worker_restarts + 1


def test_a_worker_that_crashes_by_itself(client: Client) -> None:
    error = end_of(client, "crash", {"signal": signal.SIGSEGV})
    assert isinstance(error, Error)
    assert error.code == ErrorCode.WORKER_DIED
    assert isinstance(end_of(client, "shadow", sketch=picture()), Result)


def test_stats_count_the_memory_of_both_processes(client: Client) -> None:
    stats = client.stats()
    assert stats.rss_bytes > 20_000_000
    assert stats.clients >= 1
    assert client.ping() < 60
