# SPDX-License-Identifier: Apache-2.0
"""What one client, and all of them together, may take: no wall clock, limits made small."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import zmq

from limner.server.backend import Backend
from limner.server.clients import Clients
from limner.server.clientsocket import ClientSocket
from limner.server.limits import ClientLimits, JobRate
from limner.server.scheduler import Job, QueueFullError, QueueLimits, Scheduler
from limner.server.supervisor import WorkerState
from limner.wire import (
    Cancelled,
    Error,
    ErrorCode,
    Hello,
    Ping,
    Pong,
    Queued,
    Submit,
    Welcome,
    encode,
)
from tests.support.backends import wait_for
from tests.support.notes import ClientNotes

ANNA, BOB, CARL = b"anna", b"bob", b"carl"


class LoadingWorker:
    """A worker that never gets ready, so that jobs pile up."""

    info = problem = None
    restarts = pid = 0
    state = WorkerState.STARTING

    def wake(self) -> None:
        """Nothing to wake."""


class Stage:
    """A backend with limits, and a clock that is set by hand."""

    def __init__(self, **limits: int) -> None:
        self.now = 1000.0
        self.notes = ClientNotes()
        worker: object = LoadingWorker()
        self.backend = Backend("t", worker, self.notes, lambda: self.now, ClientLimits(**limits))  # type: ignore[arg-type]

    def submit(self, client: bytes, job: str, key: str = "") -> str:
        """Sends a job; returns the code of its refusal, "" when it was taken."""
        self.backend.on_message(client, Submit(job, "t", "paint"), key)
        answers = [message for message in self.notes.answers(client) if message.id == job]
        assert answers, "no answer at all"
        last = answers[-1]
        if isinstance(last, Queued):
            return ""
        assert isinstance(last, Error)
        assert last.message
        assert last.remedy
        return last.code


def test_a_burst_is_taken_and_then_so_many_a_minute() -> None:
    rate = JobRate(ClientLimits(jobs_a_minute=60, jobs_at_once=3))
    assert [rate.take("anna", 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert [rate.take("anna", 2.0) for _ in range(3)] == [True, True, False]
    assert [rate.take("anna", 1000.0) for _ in range(4)] == [True, True, True, False]
    assert rate.take("bob", 1000.0)


def test_drawing_live_all_day_never_comes_near_the_limit() -> None:
    rate = JobRate(ClientLimits())
    assert all(rate.take("anna", tick / 30) for tick in range(30 * 3600 * 8))


def test_jobs_a_minute_are_refused_as_busy_for_that_client_only() -> None:
    stage = Stage(jobs_a_minute=60, jobs_at_once=2)
    assert [stage.submit(ANNA, str(n)) for n in range(3)] == ["", "", ErrorCode.BUSY]
    assert stage.submit(BOB, "0") == ""
    stage.now += 2
    assert stage.submit(ANNA, "later") == ""


def test_all_clients_of_one_key_share_its_jobs_a_minute() -> None:
    stage = Stage(jobs_a_minute=60, jobs_at_once=2)
    assert [stage.submit(client, "1", key="key") for client in (ANNA, BOB)] == ["", ""]
    assert stage.submit(BOB, "2", key="key") == ErrorCode.BUSY
    assert stage.submit(CARL, "3", key="other") == ""
    stage.backend.on_gone(ANNA)  # coming again does not help
    assert stage.submit(ANNA, "4", key="key") == ErrorCode.BUSY


def test_the_pictures_of_all_clients_together_are_limited() -> None:
    scheduler: Scheduler[None] = Scheduler(QueueLimits(bytes_in_all=100))
    scheduler.submit(Job(ANNA, "1", None, size=60), 0.0)
    with pytest.raises(QueueFullError, match="all clients"):
        scheduler.submit(Job(BOB, "2", None, size=60), 0.0)
    scheduler.submit(Job(BOB, "3", None, size=40), 0.0)
    scheduler.cancel(ANNA, "1")
    scheduler.submit(Job(CARL, "4", None, size=60), 0.0)


def test_too_many_clients_are_refused_until_one_leaves() -> None:
    stage = Stage(clients=2)
    for client in (ANNA, BOB, CARL, ANNA):
        stage.backend.on_message(client, Hello("h", "t"))
    refused = stage.notes.answers(CARL)[-1]
    assert isinstance(refused, Error)
    assert refused.code == ErrorCode.BUSY
    assert [type(message) for message in stage.notes.answers(ANNA)] == [Welcome, Welcome]
    stage.backend.on_gone(BOB)
    stage.backend.on_message(CARL, Hello("again", "t"))
    assert isinstance(stage.notes.answers(CARL)[-1], Welcome)


def test_too_many_clients_of_one_key_leave_room_for_others() -> None:
    stage = Stage(clients_of_key=1)
    for client, key in ((ANNA, "key"), (BOB, "key"), (CARL, "other"), (b"local 1", ""), (b"local 2", "")):
        stage.backend.on_message(client, Hello("h", "t"), key)
    refused = [client for client, message in stage.notes.sent if isinstance(message, Error)]
    assert refused == [BOB]


def test_a_client_without_the_token_is_not_counted() -> None:
    stage = Stage(clients=1)
    stage.backend.on_message(BOB, Hello("h", "guess"))
    stage.backend.on_message(ANNA, Hello("h", "t"))
    assert isinstance(stage.notes.answers(ANNA)[-1], Welcome)


def test_a_client_that_leaves_loses_its_waiting_jobs_at_once() -> None:
    stage = Stage()
    assert stage.submit(ANNA, "1") == ""
    stage.backend.on_gone(ANNA)
    assert stage.notes.answers(ANNA)[-1] == Cancelled("1")


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


def listening(context: zmq.Context, **limits: float) -> ClientSocket:
    return ClientSocket(context, "tcp://127.0.0.1:*", limits=ClientLimits(**limits))  # type: ignore[arg-type]


def connect_raw(clients: ClientSocket) -> socket.socket:
    address = urlsplit(clients.endpoint)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def closed_by_the_server(raw: socket.socket) -> bool:
    """True once the server has closed the connection; what it sends before (its greeting) is skipped."""
    raw.settimeout(0.01)
    with contextlib.suppress(ConnectionResetError):
        try:
            while raw.recv(4096):
                pass
        except TimeoutError:
            return False
    return True


def test_one_connection_too_many_is_closed_at_once_and_the_others_stay(context: zmq.Context) -> None:
    clients = listening(context, connections=3)
    raws = [connect_raw(clients) for _ in range(3)]
    wait_for(lambda: clients.connections.look() or len(clients.connections) == 3, "three connections")
    extra = connect_raw(clients)
    wait_for(lambda: clients.connections.look() or closed_by_the_server(extra), "the end of the fourth")
    wait_for(lambda: clients.connections.look() or len(clients.connections) == 3, "the count of three")
    assert not any(closed_by_the_server(raw) for raw in raws)
    for raw in (*raws, extra):
        raw.close()
    clients.close()


def test_a_connection_that_never_finishes_its_handshake_is_closed(context: zmq.Context) -> None:
    clients = listening(context, handshake_s=0.1)
    with connect_raw(clients) as silent, connect_raw(clients) as half:
        half.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48))
        for raw in (silent, half):
            assert wait_for(lambda raw=raw: closed_by_the_server(raw), "the end of the connection")  # type: ignore[misc]
    clients.close()


def test_who_announces_too_large_a_frame_is_cut_off(context: zmq.Context) -> None:
    clients = listening(context)
    with connect_raw(clients) as raw:
        raw.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48))
        raw.sendall(b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER")
        raw.sendall(b"\x02" + (2**30).to_bytes(8, "big") + b"the first bytes of it")
        assert wait_for(lambda: closed_by_the_server(raw), "the end of the connection")
    clients.close()


def test_a_connection_without_a_first_word_is_closed_and_a_client_stays(context: zmq.Context) -> None:
    clients = listening(context, hello_s=0.0)
    peer, silent = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    ended = silent.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    peer.connect(clients.endpoint)
    silent.connect(clients.endpoint)
    peer.send_multipart(encode(Ping("p", "t")))
    wait_for(lambda: clients.connections.look() or len(clients.connections) == 2, "two connections")
    wait_for(lambda: admit_all(clients), "the ping")
    clients.tick()
    assert ended.poll(60_000), "the silent one was not closed"
    assert clients.send(peer_of(clients), Pong("still there"))
    assert peer.poll(60_000)
    silent.disable_monitor()
    clients.close()


def admit_all(clients: ClientSocket) -> bool:
    """Reads what has come, as a backend does that finds the right token in it."""
    for client, _, _ in clients.messages():
        clients.admit(client)
    return bool(peer_of(clients))


def peer_of(clients: ClientSocket) -> bytes:
    return next((item.client for item in clients.connections._open.values() if item.client), b"")


def test_the_end_of_a_connection_is_told(context: zmq.Context) -> None:
    socket_, other = listening(context), listening(context)
    clients = Clients(other, socket_)
    peer = context.socket(zmq.DEALER)
    peer.connect(socket_.endpoint)
    peer.send_multipart(encode(Ping("p", "t")))
    name, _, _ = wait_for(lambda: next(clients.messages(), None), "the ping")
    assert name[:1] == b"\x01"
    wait_for(lambda: list(clients.gone()) or len(socket_.connections), "the connection")
    clients.admit(name)
    peer.close(linger=0)
    assert wait_for(lambda: list(clients.gone()), "its end") == [name]
    clients.close()


def test_a_new_connection_with_the_number_of_an_old_one_is_not_taken_for_it(context: zmq.Context) -> None:
    """The system gives the lowest free number to each new connection."""
    clients = listening(context)
    names = []
    for _ in range(2):
        peer = context.socket(zmq.DEALER)
        peer.connect(clients.endpoint)
        peer.send_multipart(encode(Ping("p", "t")))
        name = wait_for(lambda: next(clients.messages(), None), "the ping")[0]
        names.append((clients._descriptor, name))
        clients.admit(name)
        if len(names) == 1:
            peer.close(linger=0)
            wait_for(lambda name=name: not clients.send(name, Pong("p")), "its end")  # type: ignore[misc]
    (old_number, old), (new_number, new) = names
    assert old_number == new_number, "the case that this is about"
    assert clients.connections.look() == [old]
    assert clients.send(new, Pong("p"))
    clients.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX has limits for each process")
def test_few_open_files_by_default_are_raised() -> None:
    program = (
        "import resource as r; from limner.server.lifecycle import allow_open_files as allow;"
        "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]; r.setrlimit(r.RLIMIT_NOFILE, (256, hard)); allow(512);"
        "print(*r.getrlimit(r.RLIMIT_NOFILE)[:1])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 512
