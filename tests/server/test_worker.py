# SPDX-License-Identifier: Apache-2.0
"""What runs inside the worker process: jobs on an engine, exceptions as errors, pictures as arrays, threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from limner.pipelines.base import JobError, Outcome, Progress, Request
from limner.server.worker import link
from limner.server.worker.arrays import array_from_pixels, pixels_from_array
from limner.server.worker.failures import describe, is_out_of_memory
from limner.server.worker.jobs import JobRunner
from limner.server.worker.link import LinkMessage
from limner.wire import ErrorCode, Pixels, TaskSchema, WireError

GRAY = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
Work = Callable[["Engine", Request, Progress], Outcome]


class Engine:
    """Does what the test says; knows on which device."""

    def __init__(self, device: str, work: Work) -> None:
        self.device = device
        self._work = work

    def schema(self) -> dict[str, TaskSchema]:
        return {"work": TaskSchema("work")}

    def weights(self) -> dict[str, str]:
        return {"w.safetensors": "ab"}

    def run(self, request: Request, progress: Progress) -> Outcome:
        return self._work(self, request, progress)


class Channel:
    """The server's end: notes what is sent, and cancels the job at its look number `cancel_at`."""

    def __init__(self, cancel_at: int = 10**9) -> None:
        self.sent: list[LinkMessage] = []
        self.waits: list[float] = []
        self.cancel_at = cancel_at

    def send(self, message: LinkMessage) -> None:
        self.sent.append(message)

    def is_cancelled(self, job: int, wait_s: float = 0.0) -> bool:
        self.waits.append(wait_s)
        return len(self.waits) >= self.cancel_at


def never(engine: Engine, request: Request, progress: Progress) -> Outcome:
    raise AssertionError("the engine was asked")


def run(
    work: Work,
    *,
    device: str = "cpu",
    channel: Channel | None = None,
    task: str = "work",
    params: Mapping[str, Any] | None = None,
) -> tuple[LinkMessage, list[LinkMessage]]:
    """Runs one job; returns its end and the reports before it."""
    channel = channel or Channel()
    runner = JobRunner(lambda wanted: Engine(wanted, work), device, channel)  # type: ignore[arg-type]
    values = {"task": task, "params": params or {}, "canvas": "c"}
    return runner.run(LinkMessage(link.JOB, 7, values, {"image": pixels_from_array(GRAY)})), channel.sent


def test_a_job_reports_its_steps_and_ends_with_its_pictures() -> None:
    def work(engine: Engine, request: Request, progress: Progress) -> Outcome:
        progress("first", 0.5, preview=request.images["image"])
        progress("second", 7.0)
        return Outcome({"twice": request.images["image"] * 2}, {"device": engine.device, "canvas": request.canvas})

    end, reports = run(work)
    assert [(report.kind, report.job) for report in reports] == [("progress", 7), ("preview", 7), ("progress", 7)]
    assert reports[0].values == {"stage": "first", "fraction": 0.5}
    assert np.array_equal(array_from_pixels(reports[1].images["preview"]), GRAY)
    assert reports[2].values == {"stage": "second", "fraction": 1.0}
    assert (end.kind, end.job, end.values) == ("result", 7, {"info": {"device": "cpu", "canvas": "c"}})
    assert np.array_equal(array_from_pixels(end.images["twice"]), GRAY * 2)


def test_a_cancel_stops_the_job_at_its_next_step() -> None:
    steps: list[int] = []

    def work(engine: Engine, request: Request, progress: Progress) -> Outcome:
        for step in range(100):
            steps.append(step)
            progress("step", step / 100)
        raise AssertionError("it was not cancelled")

    end, reports = run(work, channel=Channel(cancel_at=4))  # the look before the first step counts
    assert (end.kind, end.job) == ("cancelled", 7)
    assert steps == [0, 1, 2]
    assert len(reports) == 2


def test_an_engine_warms_up_where_it_can_and_need_not_succeed() -> None:
    warmed: list[str] = []

    class Warming(Engine):
        def warm_up(self) -> None:
            warmed.append(self.device)
            raise MemoryError

    JobRunner(lambda wanted: Warming(wanted, never), "cpu", Channel()).warm_up()  # type: ignore[arg-type]
    JobRunner(lambda wanted: Engine(wanted, never), "cpu", Channel()).warm_up()  # type: ignore[arg-type]
    assert warmed == ["cpu"]


def test_the_engine_never_changes_what_the_server_sent() -> None:
    def work(engine: Engine, request: Request, progress: Progress) -> Outcome:
        request.images["image"][0, 0] = 255
        raise AssertionError("the picture could be written to")

    end, _ = run(work)
    assert end.values["code"] == ErrorCode.INTERNAL
    assert "read-only" in end.values["message"]


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (JobError("blank_sketch", "Nothing is drawn.", "Draw."), "blank_sketch", "Nothing is drawn."),
        (WireError(ErrorCode.BAD_PICTURE, "It is odd."), "bad_picture", "It is odd."),
        (MemoryError(), "out_of_memory", "memory"),
        (LookupError("no such face\nsecond line"), "internal", "LookupError: no such face"),
        (LookupError(), "internal", "LookupError"),
        (AssertionError("x" * 10_000), "internal", "AssertionError: xxx"),
    ],
)
def test_every_exception_becomes_an_error_with_a_remedy(error: Exception, code: str, part: str) -> None:
    def work(engine: Engine, request: Request, progress: Progress) -> Outcome:
        raise error

    end, _ = run(work)
    assert (end.kind, end.job, end.values["code"]) == ("error", 7, code)
    assert part in end.values["message"]
    assert "\n" not in end.values["message"]
    assert len(end.values["message"]) <= 300
    assert end.values["remedy"]


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome({}, {"bad": object()}),
        Outcome({}, {"nan": float("nan")}),
        Outcome({"image": GRAY.astype(np.int64)}, {}),
        Outcome({"image": np.zeros((1, 9000, 3), np.uint8)}, {}),
    ],
)
def test_an_outcome_that_cannot_travel_is_an_error(outcome: Outcome) -> None:
    end, _ = run(lambda *_: outcome)
    assert end.kind == "error"


class OutOfMemoryError(RuntimeError):
    """Named like the one of torch, which is not loaded here."""


OUT_OF_MEMORY = (
    MemoryError(),
    OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
)


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_out_of_memory_on_a_device_is_tried_once_more_on_the_cpu(error: Exception) -> None:
    tries: list[str] = []

    def work(engine: Engine, request: Request, progress: Progress) -> Outcome:
        tries.append(engine.device)
        if engine.device != "cpu":
            raise error
        return Outcome({}, {"device": engine.device})

    end, reports = run(work, device="cuda")
    assert (end.kind, end.values["info"]["device"]) == ("result", "cpu")
    assert tries == ["cuda", "cpu"]
    assert [report.values["stage"] for report in reports] == ["loading on the CPU"]


@pytest.mark.parametrize(("device", "tries"), [("cpu", 1), ("cuda:1", 2)])
def test_out_of_memory_everywhere_is_an_error_that_says_so(device: str, tries: int) -> None:
    seen: list[str] = []

    def work(engine: Engine, request: Request, progress: Progress) -> Outcome:
        seen.append(engine.device)
        raise MemoryError

    end, _ = run(work, device=device)
    assert (end.kind, end.values["code"]) == ("error", ErrorCode.OUT_OF_MEMORY)
    assert len(seen) == tries


def test_other_failures_are_not_tried_again() -> None:
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))
    assert not is_out_of_memory(ValueError("out of memory"))
    assert describe(RuntimeError("shapes"), ErrorCode.START_FAILED).code == ErrorCode.START_FAILED


def test_echo_gives_the_picture_back_after_its_delay() -> None:
    channel = Channel()
    end, reports = run(never, channel=channel, task="echo", params={"delay_ms": 400, "steps": 4})
    assert np.array_equal(array_from_pixels(end.images["image"]), GRAY)
    assert [report.values["fraction"] for report in reports] == [0.25, 0.5, 0.75], "the result says the rest"
    assert [wait for wait in channel.waits if wait] == [0.1] * 4


def test_echo_is_cancelled_while_it_waits() -> None:
    end, reports = run(never, channel=Channel(cancel_at=2), task="echo", params={"delay_ms": 60_000, "steps": 1})
    assert end.kind == "cancelled"
    assert reports == []


def test_the_description_has_the_engine_and_echo() -> None:
    runner = JobRunner(lambda device: Engine(device, never), "cuda", Channel())  # type: ignore[arg-type]
    description = runner.description()
    assert (description["device"], description["weights"]) == ("cuda", {"w.safetensors": "ab"})
    assert {name: TaskSchema.from_map(task).name for name, task in description["schema"].items()} == {
        "work": "work",
        "echo": "echo",
    }


dtypes = st.sampled_from([np.uint8, np.dtype("<u2"), np.dtype("<f4")])
shapes = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
finite_floats = arrays.from_dtype(np.dtype("<f4"), allow_nan=False, allow_infinity=False)


@given(st.data(), dtypes, shapes)
def test_arrays_survive_the_way_to_pixels_and_back(data: st.DataObject, dtype: Any, shape: tuple[int, ...]) -> None:
    elements = finite_floats if np.dtype(dtype).kind == "f" else None
    array = data.draw(arrays.arrays(dtype, shape, elements=elements))
    for view in (array, array[::-1], np.asfortranarray(array)):
        back = array_from_pixels(pixels_from_array(view))
        assert back.dtype == view.dtype
        assert np.array_equal(back, view)
        assert not back.flags.writeable


@given(st.data())
def test_link_messages_survive_encoding(data: st.DataObject) -> None:
    picture = pixels_from_array(data.draw(arrays.arrays(np.uint8, shapes)))
    values = data.draw(
        st.dictionaries(st.text(max_size=9), st.integers(-9, 9) | st.floats(allow_nan=False) | st.none())
    )
    message = LinkMessage("result", 3, values, {"a": picture, "b": picture})
    back = link.decode([bytes(frame) for frame in link.encode(message)])
    assert back == LinkMessage("result", 3, values, {"a": _plain(picture), "b": _plain(picture)})


def _plain(pixels: Pixels) -> Pixels:
    return Pixels(pixels.width, pixels.height, pixels.channels, pixels.dtype, bytes(pixels.data))


def test_a_gray_array_may_lack_its_channel() -> None:
    assert pixels_from_array(GRAY[..., 0]) == pixels_from_array(GRAY)


@pytest.mark.parametrize("array", [GRAY.astype(bool), GRAY.astype(np.float64), GRAY[0, 0], GRAY[None]])
def test_other_arrays_are_refused(array: NDArray) -> None:
    with pytest.raises(TypeError, match="uint8, uint16 or float32"):
        pixels_from_array(array)
