# SPDX-License-Identifier: Apache-2.0
"""Jobs given to a scripted backend on a real ROUTER, with both transports."""

from __future__ import annotations

import pytest

from limner.client import Client
from limner.wire import (
    Cancel,
    Cancelled,
    Error,
    Hello,
    Pixels,
    Pong,
    Preview,
    Progress,
    Queued,
    Result,
    Stats,
    Stopping,
    Submit,
    Welcome,
    encode,
)
from tests.client.peers import (
    PICTURE,
    TOKEN,
    WAIT,
    RouterPeer,
    cancels,
    collect,
    echo,
    failure,
)


def test_a_job_runs_to_its_result(connect):
    with RouterPeer(echo) as peer:
        client, seen = connect(peer), []
        result = client.run(
            "echo",
            {"image": PICTURE},
            {"seed": 5},
            canvas="c",
            on_progress=lambda *step: seen.append(step),
            timeout=WAIT,
        )
        assert result.images == {"image": PICTURE}
        assert result.info == {"seed": 5}
        assert seen == [("waiting", 0.0), ("lines", 0.25), ("synthesis", 0.5)]
        job = peer.wait_for(Submit)
        assert (job.token, job.task, job.params, job.canvas, job.live) == (TOKEN, "echo", {"seed": 5}, "c", False)
        assert client.open_jobs == []


def test_a_16_mb_picture_comes_back_as_it_was(connect):
    picture = Pixels(2048, 2048, 4, "u8", bytes(range(256)) * (1 << 16))
    with RouterPeer(echo) as peer:
        assert connect(peer).run("echo", {"image": picture}, timeout=WAIT).images["image"] == picture


def test_polling_brings_everything_in_order_and_one_end(connect):
    with RouterPeer(echo) as peer:
        client = connect(peer)
        job = client.submit("echo", {"image": PICTURE}, canvas="c", live=True)
        messages = collect(client)
        assert [type(message) for message in messages] == [Queued, Progress, Preview, Result]
        assert {message.id for message in messages} == {job}
        assert client.open_jobs == []
        assert peer.wait_for(Submit).live is True


def test_a_failed_job_raises_what_the_backend_said(connect):
    with RouterPeer(lambda message: [Error(message.id, "blank_sketch", "It is blank.", "Draw.")]) as peer:
        client = connect(peer)
        error = failure(client.run, "portrait", {"sketch": PICTURE}, timeout=WAIT)
        assert (error.code, error.message, error.remedy) == ("blank_sketch", "It is blank.", "Draw.")
        assert client.connected


def test_a_replaced_job_raises_cancelled(connect):
    with RouterPeer(lambda message: [Cancelled(message.id, "replaced")]) as peer:
        assert failure(connect(peer).run, "portrait", {}, timeout=WAIT).code == "cancelled"


def test_a_job_that_takes_too_long_is_cancelled(connect):
    with RouterPeer(cancels) as peer:
        client = connect(peer)
        error = failure(client.run, "portrait", {}, timeout=0.2)
        assert error.code == "timeout"
        assert peer.wait_for(Cancel).id == peer.wait_for(Submit).id
        assert client.open_jobs == []
        assert client.poll() == []


def test_an_interrupted_wait_cancels_the_job(connect):
    def interrupt(stage, fraction):
        raise KeyboardInterrupt

    with RouterPeer(lambda message: cancels(message) or [Progress(message.id, "lines", 0.5)]) as peer:
        client = connect(peer)
        with pytest.raises(KeyboardInterrupt):
            client.run("portrait", {}, on_progress=interrupt)
        assert peer.wait_for(Cancel).id == peer.wait_for(Submit).id


def test_running_one_job_keeps_the_messages_of_the_others(connect):
    with RouterPeer(echo) as peer:
        client = connect(peer)
        other = client.submit("echo", {}, {"seed": 1})
        assert client.run("echo", {}, {"seed": 2}, timeout=WAIT).info == {"seed": 2}
        assert [message.id for message in collect(client)] == [other] * 4


def test_late_messages_of_a_cancelled_job_are_dropped(connect):
    with RouterPeer() as peer:
        client = connect(peer)
        job = client.submit("portrait", {"sketch": PICTURE})
        peer.wait_for(Submit)
        client.cancel(job)
        client.cancel(job)
        peer.wait_for(Cancel)
        peer.send(
            Progress(job, "synthesis", 0.9), Queued(job, 0), Result(job), Progress(job, "late", 1.0), Cancelled(job)
        )
        assert collect(client) == [Cancelled(job)]
        peer.send(Error(job, "unknown_job", "m", "r"), Error("", "internal", "m", "r"))
        assert collect(client) == [Error("", "internal", "m", "r")]
        client.cancel(job)
        assert [type(message) for message in peer.received] == [Hello, Submit, Cancel]


def test_messages_about_jobs_of_nobody_are_dropped(connect):
    with RouterPeer() as peer:
        client = connect(peer)
        peer.send(Result("never"), Progress("submitted", "x", 0.5), Pong("?"), Stopping("", "idle"))
        assert collect(client, Stopping) == [Stopping("", "idle")]


def test_a_job_can_be_given_before_the_backend_has_answered(transport):
    with RouterPeer(echo) as peer:
        client = Client(peer.connection, transport=transport)
        client.submit("echo", {})
        messages = collect(client)
        assert [type(message) for message in messages] == [Welcome, Queued, Progress, Preview, Result]
        client.close()


def test_what_the_protocol_forbids_is_refused_here(connect):
    with RouterPeer() as peer:
        client = connect(peer)
        assert failure(client.submit, "", {}).code == "bad_message"
        assert failure(client.submit, "echo", {}, {"x": float("nan")}).code == "bad_message"
        assert failure(client.submit, "echo", {}, {"x": ["y" * 4000] * 20}).code == "too_large"
        assert client.open_jobs == []
        assert client.connected


def test_closing_cancels_the_open_jobs(connect):
    with RouterPeer(cancels) as peer:
        client = connect(peer)
        job = client.submit("portrait", {})
        client.close()
        client.close()
        assert peer.wait_for(Cancel).id == job


def test_two_clients_do_not_see_each_other(connect):
    with RouterPeer(echo) as peer:
        first, second = connect(peer), connect(peer)
        first.submit("echo", {}, {"seed": 1})
        second.submit("echo", {}, {"seed": 2})
        assert collect(first)[-1].info == {"seed": 1}
        assert collect(second)[-1].info == {"seed": 2}


def test_garbage_is_ignored_and_a_damaged_answer_ends_its_job(connect):
    damaged = encode(Result("x", {}, {"image": PICTURE}))
    with RouterPeer() as peer:
        client = connect(peer)
        job = client.submit("echo", {})
        peer.wait_for(Submit)
        header = bytes(encode(Result(job, {}, {"image": PICTURE}))[0])
        peer.send([b"garbage"], [b""], [b"\x81", b"x" * 1000], [header.replace(b"result", b"hologr")], damaged[:1])
        peer.send([header, b"too short"])
        (end,) = collect(client)
        assert (end.id, end.code) == (job, "bad_picture")
        assert client.open_jobs == []
        assert client.ping(WAIT) >= 0


def test_a_damaged_answer_ends_its_request(connect):
    with RouterPeer(lambda message: [[encode(Stats(message.id, "ready"))[0].replace(b"ready", b"rusty")]]) as peer:
        assert failure(connect(peer).stats, WAIT).code == "bad_message"


def test_an_answer_of_the_wrong_kind_is_refused(connect):
    with RouterPeer(lambda message: [Pong(message.id)]) as peer:
        assert failure(connect(peer).stats, WAIT).code == "bad_message"
