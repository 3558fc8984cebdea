# SPDX-License-Identifier: Apache-2.0
"""The server listens on loopback addresses only."""

from __future__ import annotations

import pytest

from limner.server.endpoint import bind_address
from limner.wire import ErrorCode, LimnerError


@pytest.mark.parametrize(
    ("endpoint", "bound"),
    [
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"),
        ("tcp://127.0.0.1:5599", "tcp://127.0.0.1:5599"),
        ("tcp://127.1.2.3:5599", "tcp://127.1.2.3:5599"),
        ("tcp://localhost:*", "tcp://127.0.0.1:*"),
        ("tcp://[::1]:5599", "tcp://[::1]:5599"),
    ],
)
def test_loopback_addresses_are_taken(endpoint: str, bound: str) -> None:
    assert bind_address(endpoint) == bound


@pytest.mark.parametrize(
    "endpoint", ["tcp://0.0.0.0:*", "tcp://192.168.1.5:5599", "tcp://[::]:5599", "tcp://8.8.8.8:53"]
)
def test_addresses_that_others_can_reach_are_refused_with_the_reason(endpoint: str) -> None:
    with pytest.raises(LimnerError, match="CURVE") as caught:
        bind_address(endpoint)
    assert caught.value.code == ErrorCode.START_FAILED
    assert "127.0.0.1" in caught.value.remedy


MALFORMED = (
    *("", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:99999", "tcp://127.0.0.1:x", "tcp://*:*"),
    *("ipc:///run/limner", "inproc://limner", "tcp://example.org:5599", "127.0.0.1:5599", "tcp://[::1:5599"),
)


@pytest.mark.parametrize("endpoint", MALFORMED)
def test_anything_else_is_refused(endpoint: str) -> None:
    with pytest.raises(LimnerError) as caught:
        bind_address(endpoint)
    assert caught.value.code == ErrorCode.START_FAILED
