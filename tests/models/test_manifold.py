# SPDX-License-Identifier: Apache-2.0
"""Manifold projection: locally linear embedding among the nearest codes, and the blend."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from limner.models import manifold
from limner.models.bank import KEPT, CodeBank, Compact, refine_codes
from limner.models.components import PARTS
from limner.models.manifold import NEIGHBORS, Projection, blend, embedding_weights
from tests.support.tiny import random_codes


def bank(rows: int = 200, size: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, size, generator=torch.Generator().manual_seed(seed))


def project(codes: torch.Tensor, members: torch.Tensor) -> Projection:
    """The projection of codes of a single part."""
    return manifold.project({"nose": codes}, {"nose": members}, {"nose": members.square().sum(1)})["nose"]


@given(st.integers(0, 2**31), st.floats(0.0, 10.0))
def test_weights_sum_to_one(seed: int, distance: float) -> None:
    codes = bank(5, seed=seed)
    neighbors = codes[:, None] + distance * torch.randn(5, NEIGHBORS, 16, generator=torch.Generator().manual_seed(seed))
    (weights,) = embedding_weights([neighbors], [codes])
    assert torch.isfinite(weights).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(5), atol=1e-4, rtol=0)


def test_a_member_of_the_bank_is_reproduced_exactly() -> None:
    members = bank()
    projection = project(members[[3, 77]], members)
    assert torch.equal(projection.code, members[[3, 77]])
    assert projection.rows[:, 0].tolist() == [3, 77]
    assert projection.weights.max(1).values.tolist() == [1.0, 1.0]


def test_a_point_between_neighbors_is_reproduced() -> None:
    members = torch.cat([bank(10), 50 + bank(100, seed=1)])
    weights = torch.softmax(torch.randn(10, generator=torch.Generator().manual_seed(2)), 0)
    inside = (weights[:, None] * members[:10]).sum(0, keepdim=True)
    projected = project(inside, members).code
    assert (projected - inside).norm() < 0.05 * inside.norm()


def test_projection_moves_a_far_code_towards_the_faces() -> None:
    members = bank()
    far = 4 * bank(6, seed=9)
    to_faces = torch.cdist(project(far, members).code, members).min(1).values
    assert (to_faces < torch.cdist(far, members).min(1).values).all()


def test_the_nearest_codes_are_taken() -> None:
    members, code = bank(), bank(1, seed=5)
    nearest = (members - code).square().sum(1).argsort()[:NEIGHBORS]
    assert project(code, members).rows[0].tolist() == nearest.tolist()


def test_a_face_does_not_find_itself_when_excluded() -> None:
    codes = random_codes(20)
    faces = torch.arange(20) // 2  # every face twice, as with mirror images
    found = CodeBank(codes, faces).project({p: c[:1] for p, c in codes.items()}, own=torch.tensor([0]), k=5)
    for projection in found.values():
        assert not {0, 1} & set(projection.rows[0].tolist())


def test_parts_that_are_projected_together_are_projected_as_each_alone() -> None:
    members, codes = random_codes(60), random_codes(3)
    codes["nose"][1] = members["nose"][7]  # exact in one part only
    bank_of_all = CodeBank(members, torch.arange(60))
    together = bank_of_all.project(codes)
    for part in PARTS:
        alone = bank_of_all.project({part: codes[part]})[part]
        assert torch.equal(together[part].rows, alone.rows)
        torch.testing.assert_close(together[part].weights, alone.weights)
        torch.testing.assert_close(together[part].code, alone.code)
    assert together["nose"].weights[1].max() == 1


@pytest.mark.parametrize("literal", [0.0, 1.0])
def test_blend_ends_are_exact_identities(literal: float) -> None:
    code, projected = bank(4), 1e6 * bank(4, seed=3)  # far apart, where an interpolation would round
    assert torch.equal(blend(projected, code, literal), code if literal else projected)


def test_blend_between_lies_between() -> None:
    code, projected = bank(4), bank(4, seed=3)
    torch.testing.assert_close(blend(projected, code, 0.25), 0.75 * projected + 0.25 * code)


def test_each_part_has_its_own_blend() -> None:
    codes, members = random_codes(2), random_codes(30)
    projections = CodeBank(members, torch.arange(30)).project(codes)
    literal = {part: torch.full((2,), float(part == "nose")) for part in PARTS}
    refined = refine_codes(codes, projections, literal)
    for part in PARTS:
        assert torch.equal(refined[part], codes[part] if part == "nose" else projections[part].code)


def test_a_compact_bank_keeps_what_varies() -> None:
    spread = torch.linspace(0.05, 1, 16).square()
    codes = bank() * spread + 3
    compact = Compact.of(codes)
    assert compact.axes.shape[0] < 16
    lost = (compact.codes() - codes).square().sum() / (codes - codes.mean(0)).square().sum()
    assert 0 < float(lost) <= 1 - KEPT
    fewer = Compact(compact.places[:, :-1], compact.axes[:-1], compact.mean)
    assert (fewer.codes() - codes).square().sum() / (codes - codes.mean(0)).square().sum() > 1 - KEPT


def test_a_compact_bank_of_one_code_is_that_code() -> None:
    torch.testing.assert_close(Compact.of(bank(1)).codes(), bank(1))
