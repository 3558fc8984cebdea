# SPDX-License-Identifier: Apache-2.0
"""When a ping is due and when a backend is given up, on a clock that the test moves."""

from __future__ import annotations

import os

import pytest

from limner.client.heartbeat import PING_INTERVAL, SILENCE_LIMIT, UPLOAD_RATE, WORD_INTERVAL, Heartbeat
from limner.server.backend import SILENCE_S
from limner.wire import ConnectionInfo


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def heartbeat(clock):
    return Heartbeat(ConnectionInfo("tcp://127.0.0.1:1"), clock)


def test_a_ping_is_due_after_some_silence_and_only_once(heartbeat, clock):
    assert not heartbeat.ping_due
    clock.now += PING_INTERVAL
    assert heartbeat.ping_due
    heartbeat.asked()
    assert not heartbeat.ping_due
    clock.now += PING_INTERVAL
    assert not heartbeat.ping_due
    heartbeat.heard()
    assert not heartbeat.ping_due
    clock.now += PING_INTERVAL
    assert heartbeat.ping_due


def test_a_backend_that_tells_progress_all_the_time_hears_from_the_client_too(heartbeat, clock):
    """It drops a client that it has not heard for SILENCE_S."""
    assert 2 * WORD_INTERVAL < SILENCE_S
    pings = 0
    for _moment in range(100):
        clock.now += PING_INTERVAL / 2
        heartbeat.heard()
        if heartbeat.ping_due:
            heartbeat.asked()
            pings += 1
    assert pings == 100 * PING_INTERVAL / 2 // WORD_INTERVAL


def test_silence_alone_is_no_death(heartbeat, clock):
    """An editor that was busy itself for a minute has not asked yet."""
    clock.now += 60
    assert heartbeat.death() == ""
    heartbeat.asked()
    assert heartbeat.death() == ""


def test_a_ping_without_an_answer_is_death(heartbeat, clock):
    heartbeat.asked()
    clock.now += SILENCE_LIMIT - 0.1
    heartbeat.asked()  # asking again does not start the time anew
    assert heartbeat.death() == ""
    clock.now += 0.2
    assert "not answered" in heartbeat.death()
    heartbeat.heard()
    assert heartbeat.death() == ""


def test_an_upload_may_take_its_time(heartbeat, clock):
    heartbeat.uploading(10 * UPLOAD_RATE)
    heartbeat.asked()
    clock.now += SILENCE_LIMIT + 9.9
    assert heartbeat.death() == ""
    clock.now += 0.2
    assert heartbeat.death()
    heartbeat.heard()
    heartbeat.asked()
    clock.now += SILENCE_LIMIT
    assert heartbeat.death()


def test_a_living_process_is_looked_at_again_and_again(clock):
    heartbeat = Heartbeat(ConnectionInfo("tcp://127.0.0.1:1", os.getpid()), clock)
    for _ in range(3):
        clock.now += PING_INTERVAL
        assert heartbeat.death() == ""
