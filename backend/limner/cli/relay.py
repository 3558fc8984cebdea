# SPDX-License-Identifier: Apache-2.0
"""`limner relay`: lets editors without pyzmq use the backend of another computer."""

from __future__ import annotations

from limner.cli.failures import Failure


def relay() -> None:
    """Pass on what editors without pyzmq send to the backend of another computer. Ctrl+C ends it."""
    from limner.server.relay import run_relay
    from limner.wire.remote import forced_connection

    remote = forced_connection()
    if remote is None or remote.curve is None:
        text = "Limner works with this computer's own backend, which needs no relay."
        raise Failure(text, "Use another computer's with 'limner keys connect FILE' first.")
    print(f"Editors without pyzmq reach {remote.endpoint} from now on. Ctrl+C ends this.", flush=True)
    run_relay(remote)
