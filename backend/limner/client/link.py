# SPDX-License-Identifier: Apache-2.0
"""One connection to a backend: sends messages, sorts what arrives, keeps the heartbeat, and notices the end."""

from __future__ import annotations

import time
from collections import deque
from typing import Callable

from ..wire.codec import Frame, decode, encode
from ..wire.connection import ConnectionInfo
from ..wire.errors import ErrorCode, WireError
from ..wire.messages import ClientMessage, Error, Hello, Message, Ping, Stopping, Submit, Welcome
from .errors import BackendError
from .heartbeat import Heartbeat
from .jobs import JobBook
from .transports import Transport, open_transport
from .transports.base import lost

_SLICE = 0.25  # seconds between two looks at the heartbeat while waiting
_DRAIN = 64  # messages taken in one go


class Link:
    """The state of a Client's connection.

    inbox: messages for the user. jobs: the open jobs. welcome: the newest one. failure: why the link ended, or None.
    When it ends, every open job's end is put into the inbox.
    """

    def __init__(self, connection: ConnectionInfo, transport: str, name: str, version: str) -> None:
        self.connection = connection
        self.jobs = JobBook()
        self.inbox: deque[Message] = deque()
        self.welcome: Welcome | None = None
        self.failure: BackendError | None = None
        self._transport_name = transport
        self._name, self._version = name, version
        self._transport: Transport | None = None
        self._heartbeat = Heartbeat(connection)
        self._replies: dict[str, Message | None] = {}  # request id -> its reply, None while awaited
        self._greeted = False  # the first hello has been answered
        self._count = 0

    def begin(self) -> None:
        """Start to connect and say hello, without waiting; does nothing when that was done before."""
        self.check()
        if self._transport is None:
            try:
                self._transport = open_transport(self.connection.endpoint, self._transport_name, self.connection.curve)
            except BackendError as error:
                self.end(error)
                raise
            self.send(self.hello())
            self._heartbeat.asked()

    def check(self) -> None:
        """Raise the failure when the link has ended."""
        if self.failure is not None:
            raise self.failure

    def next_id(self) -> str:
        """An id for a request."""
        self._count += 1
        return f"request-{self._count}"

    def hello(self) -> Hello:
        """A new hello."""
        return Hello(self.next_id(), self.connection.token, self._name, self._version)

    def send(self, message: ClientMessage, flush: float = 0.0) -> None:
        """Queue a message, and give it up to ``flush`` seconds to leave; the rest leaves while waiting.

        Raises BackendError: too_large or bad_message for what the protocol does not allow, busy, backend_lost.
        """
        self.check()
        try:
            frames = encode(message)
        except WireError as error:
            raise BackendError.of(error) from error
        if isinstance(message, Submit):
            self._heartbeat.uploading(sum(pixels.nbytes for pixels in message.images.values()))
        assert self._transport is not None
        try:
            self._transport.send(frames)
            self._transport.flush(flush)
        except BackendError as error:
            if error.code == ErrorCode.BACKEND_LOST:
                self.pump(0.0)  # takes in what came before the end
                self.end(error)
            raise

    def request(self, message: ClientMessage, timeout: float) -> Message:
        """Send a message and wait for the reply with its id. Raises BackendError: what the reply says when it is an
        Error, timeout, backend_lost."""
        self.begin()
        self._replies[message.id] = None
        try:
            self.send(message)
            if not self.wait(lambda: self._replies[message.id] is not None, timeout):
                raise BackendError(
                    ErrorCode.TIMEOUT, f"The backend did not answer '{message.kind}' within {timeout:g} s."
                )
            reply = self._replies[message.id]
        finally:
            del self._replies[message.id]
        assert reply is not None
        if isinstance(reply, Error):
            raise BackendError.of(reply.problem)
        return reply

    def wait(self, done: Callable[[], bool], timeout: float) -> bool:
        """Take in messages until ``done()``; False when that was not so after ``timeout`` seconds (0: one look,
        without waiting). Raises the link's failure when it ends before."""
        deadline = time.monotonic() + timeout
        while not done():
            self.check()
            remaining = deadline - time.monotonic()
            self.pump(min(_SLICE, max(0.0, remaining)))
            if remaining <= 0:
                return done()
        return True

    def pump(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for messages, take in what has arrived, and keep the heartbeat. When the
        connection ends nothing is raised: ``failure`` is set."""
        if self.failure is not None or self._transport is None:
            return
        try:
            frames = self._transport.receive(timeout)
            taken = 0
            while frames is not None:
                self._take(frames)
                taken += 1
                if self.failure is not None or taken >= _DRAIN:
                    break
                frames = self._transport.receive(0.0)
            self._keep_alive()
        except BackendError as error:
            self.end(error)

    def end(self, error: BackendError) -> None:
        """End the link: open jobs get their end, and the transport is closed. Does nothing when it has ended."""
        if self.failure is not None:
            return
        self.failure = error
        self.inbox.extend(self.jobs.end_all(error.problem))
        if self._transport is not None:
            self._transport.close()

    def has_for(self, job_id: str) -> bool:
        """True when the inbox has something about the job."""
        return any(message.id == job_id for message in self.inbox)

    def remove_from_inbox(self, wanted: Callable[[Message], bool]) -> list[Message]:
        """Take the wanted messages out of the inbox, oldest first."""
        removed = [message for message in self.inbox if wanted(message)]
        self.inbox = deque(message for message in self.inbox if not wanted(message))
        return removed

    def _take(self, frames: list[Frame]) -> None:
        try:
            message = decode(frames)
        except WireError as error:
            self._take_damaged(error)
            return
        self._heartbeat.heard()
        if isinstance(message, Welcome):
            self.welcome = message
        if message.id in self._replies:
            self._replies[message.id] = message
        elif message.id in self.jobs and not isinstance(message, Welcome):
            self.inbox.extend(filter(None, [self.jobs.accept(message)]))
        elif not self._greeted and isinstance(message, Error):  # the answer to the first hello
            self.end(BackendError.of(message.problem))
        elif isinstance(message, (Welcome, Stopping)) or (isinstance(message, Error) and not message.id):
            self.inbox.append(message)
        self._greeted = self._greeted or isinstance(message, Welcome)

    def _take_damaged(self, error: WireError) -> None:
        """A message that cannot be read ends the job or request it belongs to; one of an unknown kind is ignored."""
        if error.code == ErrorCode.INCOMPATIBLE_VERSION:
            self.end(BackendError.of(error))
        elif error.code != ErrorCode.UNKNOWN_KIND:
            failed = Error(error.message_id, error.code, error.message, error.remedy)
            if error.message_id in self._replies:
                self._replies[error.message_id] = failed
            elif error.message_id in self.jobs:
                self.inbox.extend(filter(None, [self.jobs.accept(failed)]))

    def _keep_alive(self) -> None:
        if self.failure is not None or (self._greeted and not self.jobs):
            return
        cause = self._heartbeat.death()
        if cause:
            self.end(lost(cause))
        elif self._heartbeat.ping_due:
            self.send(Ping("heartbeat", self.connection.token))
            self._heartbeat.asked()
