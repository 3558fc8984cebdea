# SPDX-License-Identifier: Apache-2.0
"""A backend for other computers: only allowed keys come in, everything is encrypted, and the server lives on."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import zmq
from zmq.utils.monitor import parse_monitor_message

from limner.client import BackendError, Client
from limner.server.allowlist import AllowList, allow, revoke
from limner.server.gate import Gate
from limner.server.keys import ServerKeys
from limner.wire import ConnectionInfo, Error, ErrorCode, Message, Result, Submit, decode, encode
from tests.support.backends import ServerProcess, end_of, picture, wait_for
from tests.support.studio import ANNA, BOB, STRANGER, Studio, key_pair, open_studio


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _the_server_lives_on(studio: Studio) -> Iterator[None]:
    """After each test the same process still serves the allowed key, and has done no job for anybody else."""
    yield
    assert studio.server.process.poll() is None, studio.server.text()
    with Client(studio.connection()) as client:
        assert isinstance(end_of(client, "echo", image=picture()), Result)


def refusal(connection: ConnectionInfo, transport: str = "auto") -> BackendError:
    """How connecting fails."""
    client = Client(connection, transport=transport)
    try:
        with pytest.raises(BackendError) as caught:
            client.connect(60)
        return caught.value
    finally:
        client.close()


def jobs_ended(studio: Studio) -> int:
    with Client(studio.local) as client:
        stats = client.stats()
        return stats.done + stats.failed + stats.cancelled


def empty(folder: Path) -> None:
    folder.mkdir()


def with_damaged_key(folder: Path) -> None:
    folder.mkdir()
    (folder / "anna.key").write_text('curve\n    public-key = "short"\n')


def open_to_others(folder: Path) -> None:
    allow(folder, "anna", ANNA[0])
    folder.chmod(0o777)


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda folder: None, "no folder"),
        (empty, "no public key"),
        (with_damaged_key, "no public key"),
        (open_to_others, "Other users can write"),
    ],
)
def test_it_refuses_to_start_without_a_list_that_can_be_trusted(
    tmp_path: Path, make: Callable[[Path], None], cause: str
) -> None:
    make(tmp_path / "allowed")
    server = ServerProcess(
        tmp_path / "home", "--endpoint", "tcp://0.0.0.0:*", "--public-key-dir", f"{tmp_path}/allowed"
    )
    try:
        assert server.wait_until_ended() == 1
    finally:
        server.stop()
    assert cause in server.text()
    assert "Traceback" not in server.text()
    assert not (tmp_path / "home" / "connection.json").exists()


def wait_for_nobody_at_the_gate(context: zmq.Context) -> None:
    """A socket that was closed keeps its address until libzmq's own thread has seen to it."""
    address = "inproc://zeromq.zap.01"
    with context.socket(zmq.REP) as other:

        def bind() -> bool:
            with contextlib.suppress(zmq.ZMQError):
                other.bind(address)
                return True
            return False

        wait_for(bind, "the gate's address")
        other.unbind(address)


def test_nobody_comes_in_while_nobody_asks_for_keys(tmp_path: Path) -> None:
    """Without an answer from the gate, libzmq by itself would let every key in."""
    allow(tmp_path / "allowed", "anna", ANNA[0])
    server = key_pair()
    with zmq.Context() as context:
        gate = Gate(context, ServerKeys(*server, "token"), AllowList(tmp_path / "allowed"))
        router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        gate.guard(router)
        gate.close()
        wait_for_nobody_at_the_gate(context)
        router.bind("tcp://127.0.0.1:*")
        dealer.curve_serverkey = server[0].encode()
        dealer.curve_publickey, dealer.curve_secretkey = (half.encode() for half in ANNA)
        failed = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_DISCONNECTED
        monitor = dealer.get_monitor_socket(failed | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        dealer.connect(router.getsockopt_string(zmq.LAST_ENDPOINT))
        assert monitor.poll(60_000)
        assert parse_monitor_message(monitor.recv_multipart())["event"] != zmq.EVENT_HANDSHAKE_SUCCEEDED
        dealer.disable_monitor()
        context.destroy(linger=0)


def test_an_allowed_key_works_end_to_end(studio: Studio) -> None:
    with Client(studio.connection()) as client:
        assert client.welcome.pid == studio.server.process.pid
        back = client.run("echo", {"image": picture(3)}).images["image"]
    assert bytes(back.data) == bytes(picture(3).data)


def test_this_computers_own_clients_need_no_key(studio: Studio) -> None:
    assert studio.local.endpoint.startswith("tcp://127.0.0.1:")
    for transport in ("pyzmq", "zmtp"):
        with Client(studio.local, transport=transport) as client:
            assert isinstance(end_of(client, "echo", image=picture()), Result)


def test_a_key_that_is_not_allowed_is_refused(studio: Studio) -> None:
    error = refusal(studio.connection(STRANGER))
    assert error.code == ErrorCode.NOT_ALLOWED
    assert "limner keys make" in error.remedy


def test_a_public_key_without_its_secret_half_is_refused(studio: Studio) -> None:
    assert refusal(studio.connection((ANNA[0], STRANGER[1]))).code in (ErrorCode.NOT_ALLOWED, ErrorCode.BACKEND_LOST)


def test_a_server_with_another_key_is_not_talked_to(studio: Studio) -> None:
    error = refusal(studio.connection(server=STRANGER[0]))
    assert error.code == ErrorCode.NOT_ALLOWED
    assert "limner keys connect" in error.remedy


@pytest.mark.parametrize("transport", ["pyzmq", "zmtp"])
def test_a_client_without_encryption_is_refused(studio: Studio, transport: str) -> None:
    error = refusal(replace(studio.connection(), curve=None), transport)
    assert error.code == ErrorCode.BACKEND_LOST
    assert "encryption" in error.message


def test_an_allowed_key_still_needs_the_token(studio: Studio) -> None:
    for token in ("", "guess", studio.keys.token[:-1]):
        assert refusal(studio.connection(token=token)).code == ErrorCode.BAD_TOKEN


def test_nothing_of_a_stranger_reaches_the_backend(studio: Studio) -> None:
    """A stranger who does not wait for any answer, but sends jobs as fast as it can."""
    before = jobs_ended(studio)
    job = encode(Submit("job", studio.keys.token, "echo", images={"image": picture()}))
    with zmq.Context() as context:
        for pair in (STRANGER, None):
            dealer = context.socket(zmq.DEALER)
            dealer.setsockopt(zmq.LINGER, 0)
            if pair is not None:
                dealer.curve_serverkey = studio.keys.public.encode()
                dealer.curve_publickey, dealer.curve_secretkey = (half.encode() for half in pair)
            ended = dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_AUTH)
            dealer.connect(studio.endpoint)
            for _ in range(5):
                dealer.send_multipart(job)
            assert ended.poll(60_000), "the stranger was not turned away"
            assert not dealer.poll(0)
            dealer.disable_monitor()
            dealer.close()
    with Client(studio.connection()) as client:
        client.ping()
    assert jobs_ended(studio) == before


def test_noise_at_the_encrypted_address(studio: Studio) -> None:
    address = urlsplit(studio.endpoint)
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00CURVE" + bytes(15) + bytes(32)
    hello = b"\x04\xc8\x05HELLO" + bytes(194)
    for sent in (b"GET / HTTP/1.1\r\n\r\n" + b"x" * 100, b"\xff" * 1000, greeting + b"\xff" * 500, greeting + hello):
        where = (address.hostname, address.port)
        with contextlib.suppress(OSError), socket.create_connection(where, timeout=60) as raw:
            raw.sendall(sent)  # which may be cut off in the middle
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4096):
                pass


def test_only_the_backends_own_computer_may_end_it(studio: Studio) -> None:
    with Client(studio.connection()) as client, pytest.raises(BackendError) as caught:
        client.shutdown_backend()
    assert caught.value.code == ErrorCode.NOT_ALLOWED


def test_a_key_counts_at_once_and_no_longer_when_it_is_revoked(studio: Studio) -> None:
    assert refusal(studio.connection(BOB)).code == ErrorCode.NOT_ALLOWED
    allow(studio.allowed, "bob", BOB[0])
    with Client(studio.connection(BOB)) as client:
        assert isinstance(end_of(client, "echo", image=picture()), Result)
        revoke(studio.allowed, "bob")
        assert wait_for(lambda: ended(client), "the end of the revoked connection")
    assert refusal(studio.connection(BOB)).code == ErrorCode.NOT_ALLOWED


def ended(client: Client) -> bool:
    """True once a job is refused, or the connection is closed."""
    heard: list[Message] = []
    try:
        client.submit("echo", {"image": picture()})
        heard = client.poll(1.0)
    except BackendError:
        return True
    return any(isinstance(message, Error) and message.code == ErrorCode.NOT_ALLOWED for message in heard)


def test_what_travels_cannot_be_read(studio: Studio) -> None:
    """A relay between client and backend sees neither the token nor the picture."""
    seen = bytearray()
    image = picture(5, width=64, height=64)
    with zmq.Context() as context, socket.create_server(("127.0.0.1", 0)) as relay:
        through = f"tcp://127.0.0.1:{relay.getsockname()[1]}"
        dealer = context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.curve_serverkey = studio.keys.public.encode()
        dealer.curve_publickey, dealer.curve_secretkey = (half.encode() for half in ANNA)
        dealer.connect(through)
        dealer.send_multipart(encode(Submit("job", studio.keys.token, "echo", images={"image": image})))
        near, _ = relay.accept()
        far = socket.create_connection(("127.0.0.1", urlsplit(studio.endpoint).port or 0))
        result = wait_for(lambda: pass_on(near, far, dealer, seen), "the result")
        near.close()
        far.close()
        dealer.close()
    assert isinstance(result, Result)
    assert len(seen) > 2 * len(bytes(image.data))
    assert studio.keys.token.encode() not in seen
    assert bytes(image.data)[:64] not in seen


def pass_on(near: socket.socket, far: socket.socket, dealer: zmq.Socket, seen: bytearray) -> Message | None:
    """Carries bytes both ways; returns the job's result once it has arrived."""
    poller = zmq.Poller()
    for item in (near, far, dealer):
        poller.register(item, zmq.POLLIN)
    ready = [item for item, _ in poller.poll(1000)]
    for source, target in ((near, far), (far, near)):
        if source in ready or source.fileno() in ready:
            data = source.recv(65536)
            seen += data
            target.sendall(data)
    if dealer in ready:
        message = decode(dealer.recv_multipart())
        return message if isinstance(message, Result) else None
    return None
