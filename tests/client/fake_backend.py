# SPDX-License-Identifier: Apache-2.0
"""What the launcher's tests start in place of ``python -m limner serve``: the same life, without an engine.

FAKE_BACKEND chooses how it behaves: "ready"; "loading" (ready with the third hello); "crash"; "silent" (never listens);
"failed" (its worker cannot load). FAKE_DELAY: seconds before it listens. It appends "PID ARGUMENTS" to the file
``starts`` in Limner's home.
"""

from __future__ import annotations

import os
import sys
import time

import zmq

from limner import wire
from limner.wire.connection import home, new_token, remove_connection, write_connection
from limner.wire.locks import FileLock
from limner.wire.process import describe_self


def main() -> None:
    mode = os.environ.get("FAKE_BACKEND", "ready")
    with open(home() / "starts", "a", encoding="utf-8") as starts:
        starts.write(f"{os.getpid()} {' '.join(sys.argv[1:])}\n")
    if mode == "crash":
        raise RuntimeError("no engine here")
    lock = FileLock(home() / "backend.lock")
    if not lock.acquire():
        raise RuntimeError("another backend runs")
    time.sleep(float(os.environ.get("FAKE_DELAY", "0")))
    if mode == "silent":
        time.sleep(600)
    serve(mode)


def serve(mode: str) -> None:
    token = new_token()
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.setsockopt(zmq.LINGER, 1000)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        info = describe_self(f"tcp://127.0.0.1:{port}", token, "0.1.0")
        write_connection(info)
        hellos = 0
        while True:
            identity, *frames = router.recv_multipart()
            message = wire.decode(frames)
            hellos += isinstance(message, wire.Hello)
            router.send_multipart([identity, *wire.encode(answer(message, token, mode, hellos))])
            if isinstance(message, wire.Shutdown):
                remove_connection(info)
                return


def answer(message: wire.Message, token: str, mode: str, hellos: int) -> wire.Message:
    if getattr(message, "token", "") != token:
        return wire.Error(message.id, "bad_token", "wrong token", "none")
    if isinstance(message, wire.Hello):
        state = {"failed": "failed", "loading": "loading" if hellos < 3 else "ready"}.get(mode, "ready")
        cause = wire.problem("weights_missing") if state == "failed" else None
        return wire.Welcome(message.id, state, "0.1.0", os.getpid(), problem=cause)
    return wire.Stopping(message.id) if isinstance(message, wire.Shutdown) else wire.Pong(message.id)


if __name__ == "__main__":
    main()
