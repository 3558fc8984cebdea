# SPDX-License-Identifier: Apache-2.0
"""Each network's training on a few crude faces: every parameter learns, and what the task promises holds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from limner.models.codec import Codec
from limner.models.components import ComponentEmbedding
from limner.models.detail import Detail
from limner.models.synthesis import LAST_LOOK, Synthesis, path_variance
from limner.training import codec as codec_training
from limner.training import decoder as decoder_training
from limner.training import detail as detail_training
from limner.training import distilled as distillation
from limner.training import estimates as estimating
from limner.training.bank import build_bank
from limner.training.codec import CodecTask
from limner.training.components import ComponentTask
from limner.training.decoder import DecoderTask
from limner.training.detail import DetailTask
from limner.training.distilled import DistilledTask, Teacher
from limner.training.drawn import DrawnFaces
from limner.training.estimates import TIMES, SoftEstimates
from limner.training.faces import DataError, read_index
from limner.training.frame_finder import FrameFinderTask
from limner.training.loop import LoopConfig, Task, Trainer
from limner.training.prior import BLIND, DETAIL, EARLY_GUIDANCE, LOOKED_AT, PriorTask
from limner.training.run import fingerprint
from limner.training.soft_latents import SoftLatents
from limner.training.told import TINY, ToldFaces
from tests.support.tiny import CODEC, COMPONENTS, FRAME_FINDER, SYNTHESIS, awaken
from tests.support.tiny import DETAIL as DETAIL_FLOW


class FewFeatures(nn.Module):
    """Stands for the VGG features, which are a download: one fixed convolution, at two sizes."""

    def __init__(self, weights: object) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3).requires_grad_(False)

    def forward(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        fine = self.conv(rgb).relu()
        return [fine, torch.nn.functional.avg_pool2d(fine, 2)]


@pytest.fixture
def faces(face_data: Path, tmp_path: Path) -> DrawnFaces:
    return DrawnFaces(face_data, tmp_path / "cache")


@pytest.fixture
def prior(faces: DrawnFaces) -> PriorTask:
    torch.manual_seed(1)
    codec, embedding = Codec(CODEC).eval(), ComponentEmbedding(COMPONENTS).eval()
    bank = build_bank(faces, embedding)
    task = PriorTask(ToldFaces(faces, codec, embedding, bank), SYNTHESIS)
    awaken(task.model)
    return task


def assert_all_learn(task: Task, folder: Path) -> None:
    """One step of training changes every parameter and leaves all finite; the validation gives a sheet."""
    awaken(task.model)
    before = {name: p.detach().clone() for name, p in task.model.named_parameters() if p.requires_grad}
    trainer = Trainer(task, LoopConfig(minutes=60, steps=4, lr=0.01, warmup=1), folder, resume=False)
    trainer.step = 2  # in the middle of the run, when all losses count
    assert np.isfinite(list(trainer.advance().values())).all()
    for name in before:
        parameter = task.model.get_parameter(name)
        assert parameter.isfinite().all(), name
        assert not torch.equal(parameter, before[name]), name
    numbers, sheet = task.validate(trainer.ema)
    assert np.isfinite(list(numbers.values())).all()
    assert sheet.dtype == np.uint8
    assert sheet.std() > 0


def test_the_codec_learns(face_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_training, "VggFeatures", FewFeatures)
    monkeypatch.setattr(codec_training, "find_hed_weights", lambda: None)
    assert_all_learn(CodecTask(face_data, tmp_path / "cache", CODEC), tmp_path)


def test_the_codec_asks_for_large_photos(face_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_training, "VggFeatures", FewFeatures)
    monkeypatch.setattr(codec_training, "find_hed_weights", lambda: None)
    rows = [replace(face, size=256) for face in read_index(face_data)]
    monkeypatch.setattr(codec_training, "read_index", lambda folder: rows)
    with pytest.raises(DataError, match="512 pixels"):
        CodecTask(face_data, tmp_path / "cache", CODEC)


@pytest.fixture
def decoder(
    faces: DrawnFaces, face_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], DecoderTask]:
    """Makes tasks of the same frozen networks, as a resumed run does."""
    monkeypatch.setattr(decoder_training, "VggFeatures", FewFeatures)
    monkeypatch.setattr(decoder_training, "find_hed_weights", lambda: None)
    codec, embedding = Codec(CODEC).eval(), ComponentEmbedding(COMPONENTS).eval()
    synthesis = awaken(Synthesis(SYNTHESIS)).eval()
    assert isinstance(synthesis, Synthesis)
    soft = SoftLatents(codec, embedding, build_bank(faces, embedding), synthesis)
    return lambda: DecoderTask(face_data, tmp_path / "cache", faces, soft)


def test_the_decoder_learns(decoder: Callable[[], DecoderTask], tmp_path: Path) -> None:
    task = decoder()
    before = task.soft.codec.encoder.components.weight.clone()
    assert_all_learn(task, tmp_path)
    assert torch.equal(task.soft.codec.encoder.components.weight, before)


def test_a_resumed_decoder_has_the_soft_latents_of_an_unbroken_one(
    decoder: Callable[[], DecoderTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_training, "KEPT", 3)
    unbroken, resumed = decoder(), decoder()
    for step in range(5):
        unbroken._refresh(step)
    resumed._refresh(4)
    assert unbroken.kept.keys() == resumed.kept.keys() == {2, 3, 4}
    for step, (photo, latent) in resumed.kept.items():
        assert unbroken.kept[step][0] == photo
        assert torch.equal(unbroken.kept[step][1], latent)


def test_plain_crops_hardly_change_from_pixel_to_pixel() -> None:
    plain = decoder_training.random_gradients(50, 64, np.random.default_rng(0))
    assert plain.shape == (50, 3, 64, 64)
    assert plain.abs().max() <= 1
    assert max(plain.diff(dim=2).abs().max(), plain.diff(dim=3).abs().max()) < 0.05
    assert plain.amax((2, 3)).std() > 0.4  # of all colors
    assert (plain.amax((2, 3)) - plain.amin((2, 3))).mean() > 0.1  # but not even


def test_the_components_learn(faces: DrawnFaces, tmp_path: Path) -> None:
    assert_all_learn(ComponentTask(faces, COMPONENTS), tmp_path)


def test_the_frame_finder_learns(faces: DrawnFaces, tmp_path: Path) -> None:
    assert_all_learn(FrameFinderTask(faces, FRAME_FINDER), tmp_path)


def test_the_frame_finder_is_shown_where_the_face_is(faces: DrawnFaces) -> None:
    seen, wanted, size = FrameFinderTask(faces, FRAME_FINDER)._batch(0)
    assert seen.shape == (24, 1, 96, 96)
    eyes = (wanted[:, 1] - wanted[:, 0]).norm(dim=1)  # as far apart as the frame has them, whatever the view
    torch.testing.assert_close(eyes, size.float() * (322 - 189) / 512, atol=1e-4, rtol=1e-4)
    assert ((wanted > -0.1) & (wanted < 1.1)).all()
    middle = wanted.mean(1)
    for ink, (x, y), side in zip(seen[:, 0], middle, size, strict=True):
        rows, columns = torch.meshgrid(torch.arange(96) + 0.5, torch.arange(96) + 0.5, indexing="ij")
        inside = ((columns / 96 - x) ** 2 + (rows / 96 - y) ** 2).sqrt() < 0.75 * side
        assert (ink * inside).sum() > 0.6 * ink.sum()  # the ink is around the face


def test_the_synthesis_learns(prior: PriorTask, tmp_path: Path) -> None:
    assert_all_learn(prior, tmp_path)


def test_some_batches_give_the_synthesis_what_the_search_gives_it(prior: PriorTask) -> None:
    batch = prior.told.batch_of(np.repeat(prior.told.faces.train, 60)[:60], 0)
    whole = batch.color[:, 3].flatten(1).amin(1) == 1
    undrawn = torch.stack(list(batch.literal.values())).amax(0) == 0
    tiny = whole & undrawn & (batch.mapped.flatten() == 1)
    assert 0.3 * TINY < tiny.float().mean() < 3 * TINY


@torch.no_grad()
def test_each_drawing_is_seen_through_several_noises(prior: PriorTask) -> None:
    """The noises of a drawing lie side by side, each with its own time."""
    model, batch = prior.model, prior.told.batch_of(prior._rows(0), 0)
    noise = torch.randn(2 * len(batch.photos), CODEC.latent, 32, 32)
    time = torch.rand(len(noise))
    both = prior._flow_loss(model, batch, noise, time, 0.4)
    first, second = (prior._flow_loss(model, batch, noise[i::2], time[i::2], 0.4) for i in range(2))
    torch.testing.assert_close(both, (first + second) / 2)
    assert abs(float(first - second)) > 1e-3


@pytest.mark.parametrize(("when", "share"), [(0.4, 1.0), (0.0, EARLY_GUIDANCE)])
def test_guidance_exaggerates_what_the_drawing_changes(prior: PriorTask, when: float, share: float) -> None:
    model, batch = prior.model.eval(), prior.held_out
    assert isinstance(model, Synthesis)
    latent = prior.told.codec.encoder(batch.photos)
    noise, time = torch.randn_like(latent), torch.full((len(latent),), when)
    with torch.no_grad():
        condition = model.condition(prior.told.conditions(batch))
        path = (1 - when) * noise + when * latent
        drawn, plain = (model.velocity(path, time, c) for c in (condition, model.without_drawing(condition)))
        guided = prior._flow_loss(model, batch, noise, time, guidance=0.5)
    wanted = latent - noise + 0.5 * share * (drawn - plain)
    weight = path_variance(time, model.variance) * model.variance[:, None, None] ** (DETAIL - 1)
    expected = ((drawn - wanted).square() * weight).mean()
    assert float((drawn - plain).abs().max()) > 1e-3
    torch.testing.assert_close(guided, expected)


def test_most_times_are_where_few_steps_look() -> None:
    torch.manual_seed(0)
    times = PriorTask._times(4000)
    assert ((times >= 0) & (times < 1)).all()
    assert (times < 0.01).float().mean() == pytest.approx(BLIND, abs=0.05)
    looked_at = (times > 0.6 * LAST_LOOK) & (times < 1.6 * LAST_LOOK)
    assert LOOKED_AT - 0.03 < looked_at.float().mean() < LOOKED_AT + 0.1
    assert (times > 0.5).float().mean() > 0.02


@pytest.fixture
def estimates(prior: PriorTask, monkeypatch: pytest.MonkeyPatch) -> Callable[[], SoftEstimates]:
    """Makes what the detail's networks learn from: few estimates, kept for few steps."""
    for name, value in {"DRAWN": 2, "KEPT": 3}.items():
        monkeypatch.setattr(estimating, name, value)
    monkeypatch.setattr(detail_training, "MEASURED", 2)
    synthesis = prior.model.eval()
    assert isinstance(synthesis, Synthesis)
    return lambda: SoftEstimates(prior.told, synthesis, DETAIL_FLOW.times)


def test_the_detail_learns(
    estimates: Callable[[], SoftEstimates], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DetailTask, "batch", 4)
    task = DetailTask(estimates(), DETAIL_FLOW)
    assert_all_learn(task, tmp_path)
    assert (task.model.get_buffer("deviation") > 0).all()


def test_a_resumed_detail_has_the_estimates_of_an_unbroken_one(estimates: Callable[[], SoftEstimates]) -> None:
    unbroken, resumed = estimates(), estimates()
    for step in range(5):
        last = unbroken.batch_at(step, 4)
    again = resumed.batch_at(4, 4)
    assert torch.equal(again.true, last.true)
    for name, value in vars(last.soft).items():
        assert torch.equal(vars(again.soft)[name], value), name


def test_estimates_are_the_first_flows_own(estimates: Callable[[], SoftEstimates]) -> None:
    """Of photos' latents, under the drawings and the trust that the first flow had."""
    made = estimates()
    batch, held_out = made.told.held_out(), made.held_out
    true = made.told.codec.encoder(batch.photos).repeat_interleave(TIMES, 0)
    torch.testing.assert_close(held_out.true.float(), true, atol=0.01, rtol=0.01)
    torch.testing.assert_close(held_out.soft.drawing[::TIMES].float(), batch.drawn.drawing, atol=1e-3, rtol=0)
    soonest, latest = DETAIL_FLOW.times
    assert ((held_out.soft.time >= soonest) & (held_out.soft.time <= latest)).all()
    assert not torch.equal(held_out.soft.latent[0], held_out.soft.latent[1])  # two times, two estimates


@pytest.fixture
def distilled(estimates: Callable[[], SoftEstimates], monkeypatch: pytest.MonkeyPatch) -> DistilledTask:
    """The task of the detail in few steps, both networks that teach it awake."""
    monkeypatch.setattr(DistilledTask, "batch", 4)
    strong, weak = (Detail(DETAIL_FLOW), Detail(DETAIL_FLOW))
    for network in (strong, weak):
        awaken(network).eval().requires_grad_(False)
    return DistilledTask(estimates(), Teacher(strong, weak))


def test_the_detail_in_few_steps_learns_and_its_teacher_does_not(distilled: DistilledTask, tmp_path: Path) -> None:
    networks = distilled.teacher.strong, distilled.teacher.weak
    before = [copy.deepcopy(network.state_dict()) for network in networks]
    assert_all_learn(distilled, tmp_path)
    for network, kept in zip(networks, before, strict=True):
        for name, value in network.state_dict().items():
            assert torch.equal(value, kept[name]), name


@torch.no_grad()
def test_a_teacher_of_as_many_steps_has_nothing_but_its_guidance_to_teach(
    distilled: DistilledTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The student begins as the stronger network."""
    few = distilled.estimates.held_out[:2]
    noise = torch.randn(few.true.shape)

    def loss(finer: int, guidance: float) -> float:
        monkeypatch.setattr(distillation, "FINER", finer)
        monkeypatch.setattr(distillation, "GUIDANCE", guidance)
        return float(distilled._loss(distilled.model, few.soft, noise))

    assert loss(1, 0.0) < 1e-10
    assert loss(4, 0.0) > 1e-6
    assert loss(1, 2.0) == pytest.approx(4 * loss(1, 1.0), rel=0.5)  # later steps start elsewhere
    assert loss(1, 1.0) > 1e-6


def test_a_teacher_of_two_scales_is_refused() -> None:
    strong, weak = Detail(DETAIL_FLOW), Detail(DETAIL_FLOW)
    Teacher(strong, weak)
    weak.deviation.mul_(2)
    with pytest.raises(ValueError, match="train both anew"):
        Teacher(strong, weak)


def test_banks_are_kept_by_the_weights_that_made_them() -> None:
    torch.manual_seed(0)
    network = Codec(CODEC)
    before = fingerprint(network)
    assert fingerprint(network) == before
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] += 1e-3
    assert fingerprint(network) != before
