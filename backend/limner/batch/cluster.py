# SPDX-License-Identifier: Apache-2.0
"""The pictures spread over a Ray cluster (https://docs.ray.io): one engine in every actor, pictures sent and fetched.

Ray moves objects with pickle between its own processes: a cluster is one zone of trust, and no artist's client has a
way into it. Only this driver reads and writes picture files, so that the nodes need no folder in common.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.batch.items import Item, OnReady, Outcome, Outcomes, Work, input_slot, problem_of, write_results
from limner.imaging.decode import read_picture
from limner.pipelines.base import Request
from limner.server.worker.boot import load_factory
from limner.server.worker.failures import describe
from limner.wire import ErrorCode, LimnerError, Problem, TaskSchema, problem

_KNOCK_S = 10.0  # in which the cluster's head takes a connection
_INSTALL = "Install it with: pip install 'limner[ray]'"
_INSTALL_EVERYWHERE = "Install the same release of Limner on every node of the cluster, then try again."


def check_ray() -> None:
    """Raises LimnerError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise LimnerError(ErrorCode.INTERNAL, "Ray is not installed, which '--engine ray' needs.", _INSTALL)


class Drawer:
    """What runs in an actor: an engine of its own, once `build` has been called."""

    def __init__(self, factory: str, device: str) -> None:
        self._factory, self._device = factory, device

    def build(self) -> tuple[dict[str, Any], Problem | None]:
        """Builds the engine: the schema of every task as plain maps, or why it cannot be built."""
        try:
            self._engine = load_factory(self._factory)(self._device)
            return {name: task.to_map() for name, task in self._engine.schema().items()}, None
        except Exception as error:
            return {}, describe(error, ErrorCode.START_FAILED)

    def draw(self, work: Work, slot: str, picture: NDArray[Any]) -> tuple[dict[str, NDArray[np.uint8]], Problem | None]:
        """Runs the job on a picture (H, W, C): its pictures, or what went wrong."""
        try:
            schema = self._engine.schema()[work.task]
            request = Request(work.task, {slot: picture}, schema.validate(work.params))
            outcome = self._engine.run(request, lambda stage, fraction, preview=None: None)
            return dict(outcome.images), None
        except Exception as error:
            return {}, describe(error)


def run_on_ray(
    items: Iterable[Item], work: Work, factory: str, device: str, jobs: int, address: str, on_ready: OnReady
) -> Outcomes:
    """Works on all items with up to `jobs` actors (0: one for each GPU, or else CPU); yields each when it is done.

    address: of the cluster's head; "" takes RAY_ADDRESS, or else starts a cluster of this machine alone.

    Raises LimnerError when Ray is missing or cannot be started, no engine can be built, or the task is unknown.
    """
    check_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody, unless the user wants it
    import ray

    try:
        _knock(address)
        ray.init(address or None, log_to_driver=False, logging_level=logging.ERROR, ignore_reinit_error=True)
    except Exception as error:
        text = f"The Ray cluster cannot be reached: {error}."
        raise LimnerError(ErrorCode.START_FAILED, text, "Check its address ('ray status'), then try again.") from error
    try:
        unit, device = place(device, ray.cluster_resources())
        count = int(ray.cluster_resources()[unit])
        drawer = ray.remote(Drawer).options(num_cpus=1, num_gpus=int(unit == "GPU"))
        actors = _Actors(ray, lambda: drawer.remote(factory, device), min(jobs, count) if jobs else count)
        yield from actors.run(items, work, on_ready)
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raises OSError where nobody listens at HOST:PORT, which Ray itself finds out after minutes only."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()


def place(device: str, resources: Mapping[str, float]) -> tuple[str, str]:
    """What of the cluster each actor takes, "GPU" or "CPU", and what it calls its device: of all GPUs it sees its own.

    Raises LimnerError where the cluster has none of them.
    """
    wanted = device.partition(":")[0]
    unit = "GPU" if wanted == "cuda" or (wanted == "auto" and resources.get("GPU", 0) >= 1) else "CPU"
    if resources.get(unit, 0) < 1:
        why = f"The Ray cluster has no {unit}."
        raise LimnerError(ErrorCode.START_FAILED, why, "Add a node that has one, or choose another --device.")
    return unit, wanted


class _Actors:
    """Those whose engine is being built, those that wait for a picture, and which picture each of the others has.

    An actor that the cluster has no room for yet is never waited for: the others do its work."""

    def __init__(self, ray: Any, start: Any, count: int) -> None:
        self._ray, self._start = ray, start
        self._starting: dict[Any, Any] = {}  # by the reference of what `build` returns
        self._idle: deque[Any] = deque()
        self._busy: dict[Any, tuple[Item, Any]] = {}  # by the reference of the result
        self._lost: deque[Item] = deque()  # whose actor or node ended, to be given to another
        self._tried: set[Item] = set()  # that were lost before
        for _ in range(count):
            self._start_one()

    def run(self, items: Iterable[Item], work: Work, on_ready: OnReady) -> Outcomes:
        """Until all are done."""
        slot = input_slot(work, self._schema())
        on_ready(len(self._idle) + len(self._starting))
        for item in items:
            yield from self._give(item, work, slot)
        while self._busy or self._lost:
            yield from self._give(self._lost.popleft(), work, slot) if self._lost else self._wait()

    def _start_one(self) -> None:
        actor = self._start()
        self._starting[actor.build.remote()] = actor

    def _schema(self) -> Mapping[str, TaskSchema]:
        """What the engines can do, by the first one that is built."""
        while True:
            (reference,), _ = self._ray.wait(list(self._starting), num_returns=1)
            maps = self._built(reference)
            if maps:
                return {name: TaskSchema.from_map(task) for name, task in maps.items()}

    def _built(self, reference: Any) -> Mapping[str, Any]:
        """Takes an actor on whose engine was to be built; raises LimnerError when that was the last one and failed."""
        actor = self._starting.pop(reference)
        try:
            maps, failure = self._ray.get(reference)
        except Exception as error:
            line = next(iter(str(error).splitlines()), "")
            why = f"The engine cannot be built in the cluster: {type(error).__name__}: {line}"
            maps, failure = {}, problem(ErrorCode.START_FAILED, why, _INSTALL_EVERYWHERE)
        if failure is None:
            self._idle.append(actor)
        elif not (self._starting or self._idle or self._busy):
            raise LimnerError(failure.code, failure.message, failure.remedy)
        return maps

    def _give(self, item: Item, work: Work, slot: str) -> Iterator[Outcome]:
        """Gives the picture to the next actor that is free, which others may have to be waited for."""
        try:
            picture = read_picture(item.source)
        except Exception as error:
            yield Outcome(item, problem_of(error))
            return
        while not self._idle:
            yield from self._wait()
        actor = self._idle.popleft()
        self._busy[actor.draw.remote(work, slot, picture)] = item, actor

    def _wait(self) -> Iterator[Outcome]:
        """Waits for one more picture or engine."""
        (reference,), _ = self._ray.wait([*self._busy, *self._starting], num_returns=1)
        if reference in self._starting:
            self._built(reference)
            return
        item, actor = self._busy.pop(reference)
        try:
            images, failure = self._ray.get(reference)
        except self._ray.exceptions.RayActorError:  # its process ended, or its node
            self._start_one()
            if item not in self._tried:
                self._tried.add(item)
                self._lost.append(item)
                return
            failure = problem(ErrorCode.WORKER_DIED, "The cluster lost the picture twice.")
        except Exception as error:
            failure = problem_of(error)
            self._idle.append(actor)
        else:
            self._idle.append(actor)
            failure = failure or _written(item, images)
        yield Outcome(item, failure)


def _written(item: Item, images: Mapping[str, NDArray[np.uint8]]) -> Problem | None:
    try:
        write_results(item, images)
    except Exception as error:
        return problem_of(error)
    return None
