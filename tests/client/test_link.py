# SPDX-License-Identifier: Apache-2.0
"""Whatever a backend sends: each job ends exactly once, and nothing but BackendError comes out of the client."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner import wire
from limner.client import BackendError, Client, ConnectionInfo
from limner.client import link as link_module
from limner.client.jobs import JOB_TYPES, JobBook
from limner.client.transports.base import lost
from limner.wire.messages import END_TYPES

JOBS = [f"job-{number}" for number in range(3)]


class ScriptedTransport:
    """Hands out the given messages, then the end of the connection."""

    name = "scripted"

    def __init__(self, incoming):
        self.incoming = list(incoming)
        self.sent = []

    def send(self, frames):
        self.sent.append(wire.decode(frames))

    def flush(self, timeout):
        return True

    def receive(self, timeout):
        if not self.incoming:
            raise lost("the script ended")
        return self.incoming.pop(0)

    def close(self):
        pass


def packed(message):
    return [bytes(frame) for frame in wire.encode(message)]


def poll_to_the_end(client):
    """Everything that the client hands out until the connection is lost."""
    messages = []
    try:
        while True:
            messages += client.poll()
    except BackendError:
        return messages


_ids = st.sampled_from([*JOBS, "request-1", "unknown"])
_messages = st.one_of(
    st.builds(wire.Queued, _ids, st.integers(0, 9)),
    st.builds(wire.Progress, _ids, st.just("stage"), st.floats(0, 1)),
    st.builds(wire.Preview, _ids, st.just("stage"), st.floats(0, 1)),
    st.builds(wire.Result, _ids),
    st.builds(wire.Cancelled, _ids),
    st.builds(wire.Error, _ids | st.just(""), st.just("internal"), st.just("m"), st.just("r")),
    st.builds(wire.Pong, _ids),
    st.builds(wire.Welcome, _ids, st.sampled_from(["loading", "ready", "failed"]), st.just("0.1.0")),
    st.builds(wire.Stopping, st.just("")),
    st.builds(wire.Hello, _ids, st.just("token")),
)
_incoming = st.lists(_messages.map(packed) | st.lists(st.binary(max_size=20), min_size=1, max_size=3), max_size=12)


@given(_incoming, st.sets(st.sampled_from(JOBS)))
def test_each_job_ends_exactly_once(incoming, cancelled):
    with pytest.MonkeyPatch.context() as patch:
        script = ScriptedTransport([packed(wire.Welcome("request-1", "ready", "0.1.0")), *incoming])
        names = iter(JOBS)
        patch.setattr(link_module, "open_transport", lambda endpoint, name, curve: script)
        patch.setattr("limner.client.client._new_id", lambda: next(names))
        client = Client(ConnectionInfo("tcp://127.0.0.1:1", token="token"))
        assert [client.submit("portrait", {}) for _ in JOBS] == JOBS
        for job in cancelled:
            client.cancel(job)
        messages = poll_to_the_end(client)
    messages = [message for message in messages if isinstance(message, JOB_TYPES) and message.id]
    ends = [message for message in messages if isinstance(message, END_TYPES)]
    assert Counter(message.id for message in ends) == Counter(JOBS)
    for message in messages:
        if message.id in cancelled:
            assert isinstance(message, wire.Cancelled)
    for job in JOBS:
        about = [message for message in messages if message.id == job]
        assert isinstance(about[-1], END_TYPES)


def test_a_job_book_counts_its_jobs():
    book = JobBook()
    book.begin("a")
    book.begin("b")
    assert (len(book), "a" in book, "c" in book, book.ids()) == (2, True, False, ["a", "b"])
    assert book.cancel("a")
    assert not book.cancel("a")
    assert not book.cancel("c")
    assert book.accept(wire.Progress("a", "x", 0.5)) is None
    assert book.accept(wire.Result("a")) == wire.Cancelled("a")
    assert book.accept(wire.Result("a")) is None
    assert book.end_all(wire.problem("backend_lost")) == [wire.Error("b", *vars(wire.problem("backend_lost")).values())]
    assert len(book) == 0
