# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.load.kills --rounds 100`: kill -9 of a worker or of the server at random moments, while clients
work. Every job ends once, no process is left behind, and the next server starts in the same home. Reported as JSON."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import track

from tests.fuzz.live import check_alive
from tests.load.clients import run_artists, summary
from tests.support.backends import ServerProcess, wait_for

_CLIENTS, _LONGEST_S = 4, 1.5  # clients of each round; the kill comes within so many seconds
VICTIMS = ("worker", "server", "both")


class Killer:
    """Rounds of work and sudden death in one home."""

    def __init__(self, home: Path, seed: int) -> None:
        self.faults: list[str] = []
        self.figures: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._home = home
        self._server: ServerProcess | None = None

    def round(self) -> None:
        """Starts a server where none runs, lets clients work, kills, and looks at what is left."""
        server = self._server = self._server or ServerProcess(self._home, "--workers", "2")
        connection = server.wait_until_listening()
        check_alive(connection)
        victim = self._random.choice(VICTIMS)
        over = threading.Event()
        killer = threading.Thread(target=self._strike, args=(server, victim, over))
        killer.start()
        artists = run_artists(connection, _CLIENTS, 10**9, lambda: not over.is_set())
        killer.join()
        report = summary(artists)
        self.figures.update({"rounds": 1, f"killed {victim}": 1})
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

    def _strike(self, server: ServerProcess, victim: str, over: threading.Event) -> None:
        """Kills at some moment; a server that was killed leaves no process behind."""
        time.sleep(self._random.uniform(0.0, _LONGEST_S))
        workers = psutil.Process(server.process.pid).children(recursive=True)
        struck = [server.process.pid] * (victim != "worker") + [
            worker.pid for worker in workers[:1] if victim != "server"
        ]
        for pid in struck:
            os.kill(pid, signal.SIGKILL)
        if victim != "worker":
            server.process.wait()
            try:
                wait_for(lambda: not any(_runs(worker) for worker in workers), "the workers' end")
            except AssertionError:
                self.faults.append("a worker outlived its server")
        else:
            time.sleep(0.3)
        over.set()

    def _note(self, found: int, text: str) -> None:
        if found:
            self.faults.append(text)


def run_kills(folder: Path, rounds: int, seed: int, *, shown: bool = False) -> dict[str, Any]:
    """So many rounds; the report, with the faults that were found in `faults`."""
    killer = Killer(folder / "home", seed)
    numbers = track(range(rounds), "killing", console=Console(stderr=True)) if shown else range(rounds)
    try:
        for _ in numbers:
            killer.round()
    finally:
        killer.close()
    return {"seed": seed, **killer.figures, "faults": killer.faults}


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.kills", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run_kills(Path(folder), options.rounds, options.seed, shown=True)
    print(json.dumps(report))
    return int(bool(report["faults"]))


if __name__ == "__main__":
    sys.exit(main())
