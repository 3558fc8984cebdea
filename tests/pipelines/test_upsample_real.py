# SPDX-License-Identifier: Apache-2.0
"""PULSE with the weights that ship: what the sphere is good for, and that small pictures are matched."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from limner.imaging.styles import bare_lines
from limner.models.codec import to_pixels
from limner.models.components import PARTS
from limner.models.pulse import THUMBNAIL, resized
from limner.models.registry import Networks, load_networks
from limner.models.synthesis import Conditions
from limner.pipelines.base import Request
from limner.pipelines.defaults import STEPS
from limner.pipelines.prior import PortraitPrior, decode
from limner.pipelines.schema import task_schemas
from limner.pipelines.search import Found, SearchConfig, search
from limner.pipelines.upsample import UpsamplePipeline
from limner.resources import weights_dir
from tests.support.faces import face_photo

pytestmark = pytest.mark.skipif(not (weights_dir() / "manifest.json").exists(), reason="no trained weights here")


@pytest.fixture(scope="module")
def networks() -> Networks:
    return load_networks(weights_dir(), torch.device("cpu"))


@pytest.fixture(scope="module")
def pipeline(networks: Networks) -> UpsamplePipeline:
    return UpsamplePipeline(networks)


def face(side: int) -> torch.Tensor:
    small = cv2.resize(face_photo(), (side, side), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small.astype(np.float32) / 255).permute(2, 0, 1)[None]


def searched(prior: PortraitPrior, spherical: bool) -> Found:
    """Twelve steps towards a face that the prior does not know."""
    wanted, config = face(16), SearchConfig(steps=12, eps=1e-9, spherical=spherical)
    start = prior.start(1, seed=1)
    return search(
        lambda noise, codes: prior.quick(noise, codes, wanted),
        prior.thumbnails,
        wanted,
        (start.noise, start.codes),
        config,
        lambda *_: None,
    )


def distance_to_faces(prior: PortraitPrior, codes: torch.Tensor) -> float:
    """Mean distance of whitened codes (N, D) from the nearest codes of real faces, over all parts."""
    bank, drawn = prior.networks.bank.codes, prior.gaussian.codes(codes)
    return float(np.mean([torch.cdist(drawn[part], bank[part]).min(1).values.mean() for part in PARTS]))


def test_without_its_sphere_the_search_leaves_the_prior(pipeline: UpsamplePipeline) -> None:
    prior = pipeline.prior
    start = prior.start(1, seed=1)
    on, off = searched(prior, spherical=True), searched(prior, spherical=False)
    for kept, strayed, begun in ((on.noise, off.noise, start.noise), (on.codes, off.codes, start.codes)):
        torch.testing.assert_close(kept.norm(), begun.norm())
        assert strayed.norm() > 1.05 * begun.norm()
    assert distance_to_faces(prior, off.codes) > 1.02 * distance_to_faces(prior, on.codes)


@torch.no_grad()
def test_finished_portraits_are_of_the_faces_that_their_codes_say(
    pipeline: UpsamplePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    prior, used = pipeline.prior, list[dict[str, torch.Tensor]]()

    def conditions(codes: torch.Tensor, colors: torch.Tensor) -> Conditions:
        used.append(dict(prior.gaussian.codes(codes)))
        return whole(codes, colors)

    whole = prior.conditions
    monkeypatch.setattr(prior, "conditions", conditions)
    start = prior.start(2, seed=5)
    latents = prior.finish(start, face(16), STEPS, lambda done: None)
    pictures = to_pixels(resized(prior.networks.codec.decoder(latents), 256))
    lines = torch.from_numpy(np.stack([bare_lines(picture) for picture in pictures]))
    shown = prior.networks.components.encode(1 - lines[:, None].float() / 255)
    anybody, last = (
        float(np.mean([(codes[part] - shown[part]).norm(dim=1).mean() for part in PARTS]))
        for codes in (used[0], used[-1])
    )
    assert last < 0.6 * anybody


def test_thumbnails_are_what_the_codec_decodes(pipeline: UpsamplePipeline) -> None:
    prior = pipeline.prior
    start = prior.start(2, seed=99)
    with torch.no_grad():
        latents = prior.quick(start.noise, start.codes, face(16))
        true = resized(decode(prior.networks.codec, latents), THUMBNAIL)
        error = (prior.thumbnails(latents) - true).square().mean()
    assert float(error) < 1e-3
    assert float(error / true.var()) < 0.03


def test_a_small_picture_is_matched(pipeline: UpsamplePipeline) -> None:
    params = task_schemas()["upsample"].validate({"candidates": 1, "steps": 12})
    prior = pipeline.prior
    start = prior.start(1, seed=99)
    with torch.no_grad():  # a face that the prior can make, whatever it has learned
        portrait = decode(prior.networks.codec, prior.quick(start.noise, start.codes, face(16)))
    photo = (resized(portrait, 16)[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255).round().astype(np.uint8)
    outcome = pipeline.run(Request("upsample", {"photo": photo}, params), lambda stage, fraction, preview=None: None)
    assert outcome.info["reached"]
    assert outcome.info["candidates"][0]["residual"] <= 2e-3
    assert outcome.images["candidate-1"][..., :3].std() > 20
