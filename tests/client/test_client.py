# SPDX-License-Identifier: Apache-2.0
"""The client against a scripted backend on a real ROUTER, with both transports."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from limner.client import BackendError, Client
from limner.client import heartbeat as heartbeat_module
from limner.wire import (
    Cancel,
    Cancelled,
    ConnectionInfo,
    Error,
    Hello,
    Pixels,
    Pong,
    Preview,
    Progress,
    Queued,
    Result,
    Shutdown,
    Stats,
    StatsRequest,
    Stopping,
    Submit,
    Welcome,
    encode,
)
from limner.wire.process import start_time
from tests.client.peers import TOKEN, WAIT, RawPeer, RouterPeer, shake_hands, until_closed

PICTURE = Pixels(2, 2, 1, "u8", b"abcd")


@pytest.fixture(params=["pyzmq", "zmtp"])
def transport(request):
    return request.param


@pytest.fixture
def connect(transport):
    """A function that gives a connected client."""
    clients = []

    def make(peer, **options):
        clients.append(Client(peer.connection, transport=transport, name="test", version="1.2", **options))
        clients[-1].connect(WAIT)
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def collect(client, end=(Result, Error, Cancelled)):
    """Poll until a message of the given kinds has come; returns all that came."""
    messages = []
    while not any(isinstance(message, end) for message in messages):
        found = client.poll(WAIT)
        assert found, "nothing came"
        messages += found
    return messages


def failure(call, *arguments, **options):
    with pytest.raises(BackendError) as caught:
        call(*arguments, **options)
    return caught.value


def echo(message):
    """Queued, progress, a preview and the pictures sent, for each job."""
    if not isinstance(message, Submit):
        return []
    return [
        Queued(message.id, 1),
        Progress(message.id, "lines", 0.25),
        Preview(message.id, "synthesis", 0.5, message.images),
        Result(message.id, {"seed": message.params.get("seed")}, message.images),
    ]


def cancels(message):
    return [Cancelled(message.id)] if isinstance(message, Cancel) else []


# Connecting


def test_it_introduces_itself_and_knows_the_backend(connect):
    with RouterPeer() as peer:
        client = connect(peer)
        assert client.welcome == Welcome("request-1", "ready", "0.1.0")
        assert client.connected
        assert peer.received == [Hello("request-1", TOKEN, "test", "1.2")]
        assert client.poll() == []


def test_as_a_context_manager_it_connects_and_closes(transport):
    with RouterPeer() as peer:
        with Client(peer.connection, transport=transport) as client:
            assert client.connected
        assert not client.connected
        assert failure(client.poll).code == "backend_lost"


def test_connecting_without_waiting_brings_the_welcome_by_polling(transport):
    with RouterPeer() as peer:
        client = Client(peer.connection, transport=transport)
        client.begin_connect()
        assert [type(message) for message in collect(client, Welcome)] == [Welcome]
        assert client.connected
        client.ask_welcome()
        assert [type(message) for message in collect(client, Welcome)] == [Welcome]
        client.close()


def test_it_waits_until_the_backend_has_loaded(connect):
    with RouterPeer(welcomes=["loading", "loading", "loading", "ready"]) as peer:
        client = connect(peer)
        assert client.welcome.state == "loading"
        assert client.wait_ready(WAIT).state == "ready"
        assert client.welcome.state == "ready"


def test_a_backend_that_cannot_load_tells_why(connect):
    with RouterPeer(welcomes=["loading", "failed"]) as peer:
        client = connect(peer)
        assert failure(client.wait_ready, WAIT).code == "weights_missing"


def test_a_backend_that_never_loads_is_a_timeout(connect):
    with RouterPeer(welcomes=["loading"]) as peer:
        client = connect(peer)
        assert failure(client.wait_ready, 0.3).code == "timeout"
        assert failure(client.run, "echo", {}, timeout=0.3).code == "timeout"


def test_a_refused_token_is_reported(transport):
    with RouterPeer() as peer:
        peer._answers = lambda message: [Error(message.id, "bad_token", "no", "why")]
        client = Client(peer.connection, transport=transport)
        assert failure(client.connect, WAIT).code == "bad_token"
        assert failure(client.submit, "echo", {}).code == "bad_token"


def test_a_backend_of_another_protocol_is_reported(transport):
    with RouterPeer() as peer:
        peer._answers = lambda message: [[b"\x83\xa1v\x02\xa4kind\xa5error\xa2id\xa0"]]
        error = failure(Client(peer.connection, transport=transport).connect, WAIT)
        assert error.code == "incompatible_version"
        assert "version 2" in error.message


def test_nobody_there_is_a_lost_backend(transport):
    with RouterPeer() as peer:
        connection = peer.connection
    client = Client(connection, transport=transport)
    assert failure(client.connect, WAIT).code == "backend_lost"
    assert failure(client.run, "echo", {}).code == "backend_lost"


def test_a_silent_peer_is_a_timeout(transport):
    with RawPeer(until_closed) as peer:
        client = Client(ConnectionInfo(peer.endpoint), transport=transport)
        assert failure(client.connect, 0.2).code == "timeout"
        client.close()


def test_a_peer_that_is_no_backend_is_lost(transport, monkeypatch):
    monkeypatch.setattr(heartbeat_module, "SILENCE_LIMIT", 0.3)  # libzmq takes the text for its own oldest protocol

    def script(connection):
        connection.sendall(b"220 mail.example.org ESMTP\r\n" * 10)
        until_closed(connection)

    with RawPeer(script) as peer:
        client = Client(ConnectionInfo(peer.endpoint), transport=transport)
        assert failure(client.connect, WAIT).code == "backend_lost"


# Jobs


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


# Garbage


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


# Other requests


def test_ping_stats_and_shutdown(connect):
    def script(message):
        return [Stats(message.id, "ready", done=3) if isinstance(message, StatsRequest) else Stopping(message.id)]

    with RouterPeer(script) as peer:
        client = connect(peer)
        assert client.ping(WAIT) >= 0
        assert client.stats(WAIT).done == 3
        client.shutdown_backend(WAIT)
        assert peer.wait_for(Shutdown).token == TOKEN


def test_a_request_without_an_answer_is_a_timeout(connect):
    with RouterPeer() as peer:
        client = connect(peer)
        assert failure(client.stats, 0.1).code == "timeout"
        assert client.connected


def test_a_request_refused_by_the_backend_raises_its_error(connect):
    with RouterPeer(lambda message: [Error(message.id, "busy", "m", "r")]) as peer:
        assert failure(connect(peer).stats, WAIT).code == "busy"


# Losing the backend


def test_every_open_job_ends_when_the_backend_is_lost(connect):
    with RouterPeer() as peer:
        client = connect(peer)
        jobs = [client.submit("portrait", {}) for _ in range(3)]
        client.cancel(jobs[1])
        peer.wait_for(Cancel)
    messages = collect(client)
    assert [(type(message), message.id) for message in messages] == [
        (Error, jobs[0]),
        (Cancelled, jobs[1]),
        (Error, jobs[2]),
    ]
    assert messages[0].code == "backend_lost"
    assert not client.connected
    assert client.open_jobs == []
    for call in (client.poll, client.ping, lambda: client.submit("portrait", {})):
        assert failure(call).code == "backend_lost"


def test_a_blocking_run_ends_when_the_backend_is_lost(connect):
    with RouterPeer(lambda message: [[b""]]) as peer:
        client = connect(peer)
        peer._script = lambda message: peer._stop.set() or []
        assert failure(client.run, "portrait", {}).code == "backend_lost"


def test_what_the_backend_said_before_its_end_still_counts(connect):
    with RouterPeer() as peer:
        client = connect(peer)
        job = client.submit("portrait", {})
        peer.wait_for(Submit)
        peer.send(Error(job, "shutting_down", "m", "r"), Stopping("", "signal"))
        messages = collect(client, Stopping)
    assert messages == [Error(job, "shutting_down", "m", "r"), Stopping("", "signal")]
    assert failure(client.poll, WAIT).code == "backend_lost"


def test_a_backend_that_hangs_is_given_up(connect, monkeypatch):
    monkeypatch.setattr(heartbeat_module, "PING_INTERVAL", 0.05)
    monkeypatch.setattr(heartbeat_module, "SILENCE_LIMIT", 0.3)
    with RouterPeer(answers_ping=False) as peer:
        client = connect(peer)
        error = failure(client.run, "portrait", {})
        assert error.code == "backend_lost"
        assert "not answered" in error.message


def test_a_backend_that_answers_pings_may_take_its_time(connect, monkeypatch):
    monkeypatch.setattr(heartbeat_module, "PING_INTERVAL", 0.01)
    monkeypatch.setattr(heartbeat_module, "SILENCE_LIMIT", 0.2)
    with RouterPeer() as peer:
        client = connect(peer)
        job = client.submit("portrait", {})
        peer.wait_for(Submit)
        assert client.poll(0.5) == []
        peer.send(Result(job))
        assert collect(client) == [Result(job)]


def test_a_backend_whose_process_has_ended_is_given_up(transport, monkeypatch):
    """Also when its connection stays open, as it does when a child process has inherited it."""
    monkeypatch.setattr(heartbeat_module, "PING_INTERVAL", 0.05)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process, RouterPeer() as peer:
        connection = ConnectionInfo(peer.endpoint, process.pid, start_time(process.pid), TOKEN)
        with Client(connection, transport=transport) as client:
            job = client.submit("portrait", {})
            assert client.poll(0.2) == []
            process.kill()
            process.wait()
            (end,) = collect(client)
            assert (end.id, end.code) == (job, "backend_lost")
            assert str(process.pid) in end.message


def test_a_process_that_a_sandbox_hides_is_not_taken_for_dead(transport, monkeypatch):
    monkeypatch.setattr(heartbeat_module, "PING_INTERVAL", 0.02)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with (
        RouterPeer() as peer,
        Client(ConnectionInfo(peer.endpoint, process.pid, 1, TOKEN), transport=transport) as client,
    ):
        job = client.submit("portrait", {})
        assert client.poll(0.2) == []
        peer.send(Result(job))
        assert collect(client) == [Result(job)]


def test_a_half_closed_connection_is_lost():
    submitted = threading.Event()

    def script(connection):
        shake_hands(connection)
        assert submitted.wait(WAIT)
        connection.shutdown(socket.SHUT_WR)
        until_closed(connection)

    with RawPeer(script) as peer:
        client = Client(ConnectionInfo(peer.endpoint), transport="zmtp")
        job = client.submit("portrait", {})
        submitted.set()
        (end,) = collect(client)
        assert (end.id, end.code) == (job, "backend_lost")
