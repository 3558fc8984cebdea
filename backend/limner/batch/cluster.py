# SPDX-License-Identifier: Apache-2.0
"""The pictures spread over a Ray cluster (https://docs.ray.io): one engine in every actor, pictures sent and fetched.

Ray moves objects with pickle between its own processes: a cluster is one zone of trust, and no artist's client has a
way into it. Only this driver reads and writes picture files, so that the nodes need no folder in common.
"""

from __future__ import annotations

import importlib.util
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

_REMEDY = "Install it with: pip install 'limner[ray]'"
_RETRIES = 1  # of a picture whose actor or node died


def check_ray() -> None:
    """Raises LimnerError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise LimnerError(ErrorCode.INTERNAL, "Ray is not installed, which '--engine ray' needs.", _REMEDY)


class Drawer:
    """What runs in an actor: an engine of its own."""

    def __init__(self, factory: str, device: str) -> None:
        self._engine = load_factory(factory)(device)

    def schema(self) -> dict[str, Any]:
        """The schema of every task, as plain maps."""
        return {name: task.to_map() for name, task in self._engine.schema().items()}

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
    """Works on all items with `jobs` actors (0: one for each CPU or, on cuda, GPU); yields each when it is done.

    address: of the cluster's head; "" takes RAY_ADDRESS, or else starts a cluster of this machine alone.

    Raises LimnerError when Ray is missing or cannot be started, the engine cannot be built, or the task is unknown.
    """
    check_ray()
    import ray

    try:
        ray.init(address=address or None, log_to_driver=False, ignore_reinit_error=True)
    except Exception as error:
        text = f"The Ray cluster cannot be reached: {error}."
        raise LimnerError(ErrorCode.START_FAILED, text, "Check its address ('ray status'), then try again.") from error
    try:
        yield from _Cluster(ray, work, factory, device, jobs).run(items, on_ready)
    finally:
        ray.shutdown()


class _Cluster:
    """The actors, and which picture each of them has."""

    def __init__(self, ray: Any, work: Work, factory: str, device: str, jobs: int) -> None:
        self._ray = ray
        self._work = work
        unit = "GPU" if device.startswith("cuda") else "CPU"
        count = jobs or max(1, int(ray.cluster_resources().get(unit, 1)))
        options = {"num_cpus": 1, "num_gpus": int(unit == "GPU"), "max_restarts": -1, "max_task_retries": _RETRIES}
        drawer = ray.remote(Drawer).options(**options)
        self._idle = deque(drawer.remote(factory, device) for _ in range(count))
        self._busy: dict[Any, tuple[Item, Any]] = {}  # by the reference of the result

    def run(self, items: Iterable[Item], on_ready: OnReady) -> Outcomes:
        """Until all are done."""
        slot = input_slot(self._work, self._schema())
        on_ready(len(self._idle))
        for item in items:
            while not self._idle:
                yield from self._wait()
            try:
                picture = read_picture(item.source)
            except Exception as error:
                yield Outcome(item, problem_of(error))
                continue
            actor = self._idle.popleft()
            self._busy[actor.draw.remote(self._work, slot, picture)] = item, actor
        while self._busy:
            yield from self._wait()

    def _schema(self) -> Mapping[str, TaskSchema]:
        """What the engines can do, by the first one that is built."""
        try:
            maps = self._ray.get(self._idle[0].schema.remote())
        except Exception as error:
            cause = getattr(error, "cause", None) or error
            raise LimnerError(ErrorCode.START_FAILED, f"The engine cannot be built in the cluster: {cause}.") from error
        return {name: TaskSchema.from_map(task) for name, task in maps.items()}

    def _wait(self) -> Iterator[Outcome]:
        """Waits for one more picture."""
        (reference,), _ = self._ray.wait(list(self._busy), num_returns=1)
        item, actor = self._busy.pop(reference)
        self._idle.append(actor)
        try:
            images, failure = self._ray.get(reference)
            if failure is None:
                write_results(item, images)
        except self._ray.exceptions.RayError as error:
            failure = problem(ErrorCode.WORKER_DIED, f"The cluster lost the picture: {type(error).__name__}.")
        except Exception as error:
            failure = problem_of(error)
        yield Outcome(item, failure)
