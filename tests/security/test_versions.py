# SPDX-License-Identifier: Apache-2.0
"""Client and backend of two protocol versions: each side says so, and names both versions and what to do."""

from __future__ import annotations

from collections.abc import Iterator

import msgpack
import pytest
import zmq

from limner.client import BackendError, Client
from limner.wire import PROTOCOL_VERSION, ConnectionInfo, Error, ErrorCode, Ping, Pong, decode, encode
from tests.support.backends import ServerProcess


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectionInfo]:
    server = ServerProcess(tmp_path_factory.mktemp("versions") / "home")
    yield server.wait_until_listening()
    server.stop()


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.mark.parametrize("version", [0, 2, 99, 2**63])
def test_a_backend_tells_a_client_of_another_version(
    context: zmq.Context, connection: ConnectionInfo, version: int
) -> None:
    dealer = context.socket(zmq.DEALER)
    dealer.connect(connection.endpoint)
    body = {"client": "krita", "of": "another time"}
    dealer.send(msgpack.packb({"v": version, "kind": "greet", "id": "1", "token": connection.token, "body": body}))
    assert dealer.poll(60_000), "no answer"
    raw = dealer.recv_multipart()
    assert msgpack.unpackb(raw[0])["v"] == PROTOCOL_VERSION, "by this the client sees which version would do"
    error = decode(raw)
    assert isinstance(error, Error)
    assert error.code == ErrorCode.INCOMPATIBLE_VERSION
    assert f"version {version} " in error.message
    assert f"version {PROTOCOL_VERSION}." in error.message
    assert "limner install" in error.remedy
    dealer.send_multipart(encode(Ping("after", connection.token)))
    assert dealer.poll(60_000), "no answer"
    assert decode(dealer.recv_multipart()) == Pong("after")


@pytest.mark.parametrize("transport", ["pyzmq", "zmtp"])
@pytest.mark.parametrize("version", [0, 2])
def test_a_client_tells_of_a_backend_of_another_version(context: zmq.Context, transport: str, version: int) -> None:
    router = context.socket(zmq.ROUTER)
    router.bind("tcp://127.0.0.1:*")
    client = Client(ConnectionInfo(router.getsockopt_string(zmq.LAST_ENDPOINT), token="t"), transport=transport)
    client.begin_connect()
    while not router.poll(10):
        client.poll(0.01)
    identity, _ = router.recv_multipart()
    router.send_multipart([identity, msgpack.packb({"v": version, "kind": "salute", "id": "1", "body": {"news": 1}})])
    try:
        with pytest.raises(BackendError) as caught:
            client.connect(60)
    finally:
        client.close()
    assert caught.value.code == ErrorCode.INCOMPATIBLE_VERSION
    assert f"version {version} " in caught.value.message
    assert f"version {PROTOCOL_VERSION}." in caught.value.message
    assert "limner stop" in caught.value.remedy


def test_a_newer_client_may_send_fields_that_this_backend_does_not_know(
    context: zmq.Context, connection: ConnectionInfo
) -> None:
    dealer = context.socket(zmq.DEALER)
    dealer.connect(connection.endpoint)
    header = {"v": PROTOCOL_VERSION, "kind": "ping", "id": "1", "token": connection.token, "body": {"x": 1}, "y": [2]}
    dealer.send(msgpack.packb(header))
    assert dealer.poll(60_000), "no answer"
    assert decode(dealer.recv_multipart()) == Pong("1")
