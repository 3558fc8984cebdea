# SPDX-License-Identifier: Apache-2.0
"""`python -m limner.server.worker`: started by the server, never by hand.

One line of JSON on standard input tells what to do (`boot.WorkerBoot`); the end of standard input means that the server
is gone, and the worker goes too. Everything else travels over a loopback socket (`link`). Standard error is the log.
"""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import asdict

from ...wire.errors import ErrorCode
from . import link
from .boot import WorkerBoot, garbage_ignored, load_factory, prepare_process
from .channel import ServerChannel
from .link import LinkMessage

log = logging.getLogger("limner.worker")

_FIRST_JOB_S = 0.1  # in which a job that waited for the worker arrives: it does the warming up


def main() -> int:
    """Runs until the server says stop or is gone; returns 0, or 3 when the engine could not be built."""
    boot = WorkerBoot.from_line(sys.stdin.buffer.readline())
    prepare_process(boot.parent, boot.beside)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    with ServerChannel(boot.endpoint, bytes.fromhex(boot.secret), boot.memory) as server:
        try:
            with garbage_ignored():
                from .jobs import JobRunner  # numpy starts here, after the number of threads is set

                runner = JobRunner(load_factory(boot.engine), boot.device, server)
        except Exception as error:
            from .failures import describe

            log.exception("the engine could not be built")
            server.send(LinkMessage(link.FAILED, values=asdict(describe(error, ErrorCode.START_FAILED))))
            return 3
        log.info("ready on %s", runner.device)
        server.send(LinkMessage(link.READY, values=runner.description()))
        if not server.is_waiting(_FIRST_JOB_S):
            runner.warm_up()
        while (message := server.receive()).kind != link.STOP:
            server.send(runner.run(message))
    return 0


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    os._exit(status)  # at once: nothing is left to save, and unloading the networks' libraries takes seconds
