# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.load.kills --rounds 100`: kill -9 of a worker, of the server, of both, or of a server that just
starts, at random moments, while clients work. Every job ends once, no process is left behind, no file either that does
not belong in the home, and the next server starts there. Reported as JSON."""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.fuzz.live import check_alive
from tests.load.clients import run_artists, summary
from tests.support.backends import ServerProcess, wait_for
from tests.support.campaign import Steps, conclude

_CLIENTS, _LONGEST_S = 4, 1.5  # clients of each round; the kill comes within so many seconds
VICTIMS = ("worker", "server", "both", "start")
KEPT = {"backend.lock", "connection.json", "install.json", "logs", "start.lock"}  # what a home may hold


class Killer:
    """Rounds of work and sudden death in one home."""

    def __init__(self, home: Path, seed: int) -> None:
        self.faults: list[str] = []
        self.figures: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._victims: list[str] = []  # of the next rounds: each of VICTIMS comes up before the first does again
        self._home = home
        self._server: ServerProcess | None = None

    def round(self) -> None:
        """Lets clients work at a server, which is started where none runs, kills, and looks at what is left."""
        if not self._victims:
            self._victims = self._random.sample(VICTIMS, len(VICTIMS))
        victim = self._victims.pop()
        self.figures.update({"rounds": 1, f"killed {victim}": 1})
        if victim == "start":
            self._kill_a_start()
            return
        server = self._server = self._server or ServerProcess(self._home, "--workers", "2")
        connection = server.wait_until_listening()
        check_alive(connection)
        self._note(self._strangers(), "files were left in the home")
        over = threading.Event()
        killer = threading.Thread(target=self._strike, args=(server, victim, over))
        killer.start()
        artists = run_artists(connection, _CLIENTS, 10**9, lambda: not over.is_set())
        killer.join()
        report = summary(artists)
        self.figures.update({name: report[name] for name in ("submitted", "done", "cancelled", "failed")})
        self.figures.update({f"error {code}": count for code, count in report["errors"].items()})
        for name in ("lost", "answered_twice"):
            self._note(report[name], f"{report[name]} jobs {name.replace('_', ' ')} when the {victim} was killed")
        if victim == "worker":
            self._note(report["disconnected"], "the server did not outlive its worker")
            check_alive(connection)
        else:
            self._server = None

    def close(self) -> None:
        """Ends the last server."""
        if self._server is not None:
            self._server.stop()
        self._expect_nobody("the end")

    def _kill_a_start(self) -> None:
        """Kills a server somewhere between its first instruction and its first job."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        server = ServerProcess(self._home, "--workers", "2")
        time.sleep(self._random.uniform(0.0, _LONGEST_S))
        server.process.kill()
        server.process.wait()
        self._expect_nobody("the death of a server that was starting")

    def _strike(self, server: ServerProcess, victim: str, over: threading.Event) -> None:
        """Kills at some moment; a server that was killed leaves no process behind."""
        time.sleep(self._random.uniform(0.0, _LONGEST_S))
        workers = psutil.Process(server.process.pid).children(recursive=True)
        struck = [server.process.pid] * (victim != "worker")
        if workers and victim != "server":
            struck.append(self._random.choice(workers).pid)
        for pid in struck:
            os.kill(pid, signal.SIGKILL)
        if victim != "worker":
            server.process.wait()
            self._expect_nobody(f"the death of the {victim}")
        else:
            time.sleep(0.3)
        over.set()

    def _expect_nobody(self, after: str) -> None:
        """Waits until no process works in the home any more."""

        def nobody() -> bool:
            return not any(_at_home(self._home))

        self._note(not _comes_true(nobody), f"a process outlived {after}")

    def _strangers(self) -> list[str]:
        """Files in the home that a running backend does not need."""
        return sorted({path.name for path in self._home.iterdir()} - KEPT)

    def _note(self, found: object, text: str) -> None:
        if found:
            self.faults.append(text)


def run_kills(
    folder: Path, rounds: int, seed: int, on_step: Callable[[int], None] = lambda done: None
) -> dict[str, Any]:
    """So many rounds; the report, with the faults that were found in `faults`."""
    killer = Killer(folder / "home", seed)
    try:
        for number in range(rounds):
            killer.round()
            on_step(number + 1)
    finally:
        killer.close()
    return {"seed": seed, **killer.figures, "faults": killer.faults}


def _comes_true(look: Callable[[], bool]) -> bool:
    """False when it does not within a long time."""
    try:
        return wait_for(look, "it")
    except AssertionError:
        return False


def _at_home(home: Path) -> Iterator[int]:
    """The processes whose working folder is the home: every worker's is, and no other process's here."""
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(home.resolve()):
                yield process.pid
        except psutil.Error:
            continue


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.kills", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run_kills(Path(folder), options.rounds, options.seed, Steps("rounds", options.rounds))
    return conclude(f"{options.rounds} sudden deaths", report, report["faults"])


if __name__ == "__main__":
    sys.exit(main())
