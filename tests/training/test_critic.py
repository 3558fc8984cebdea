# SPDX-License-Identifier: Apache-2.0
"""The critic and the decoder pull in opposite directions, each by its own gradient."""

from __future__ import annotations

import torch

from limner.training.critic import Critic, contest

CHANNELS = (3, 5)


def maps(seed: int, requires_grad: bool = False) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(2, c, 8, 8, generator=generator).requires_grad_(requires_grad) for c in CHANNELS]


def test_each_side_gets_the_gradient_of_its_own_aim() -> None:
    critic, shown, wanted = Critic(CHANNELS), maps(1, requires_grad=True), maps(2)
    judging, fooling = contest(critic, shown, wanted)
    judging.backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in critic.parameters() if p.ndim > 1)
    assert all(x.grad is None for x in shown)
    critic.zero_grad(set_to_none=True)
    fooling.backward()
    assert all(p.grad is None for p in critic.parameters())
    assert all(x.grad is not None and bool(x.grad.any()) for x in shown)


def test_a_critic_that_is_trained_tells_photos_from_what_is_made() -> None:
    torch.manual_seed(0)
    critic, shown, wanted = Critic(CHANNELS), [0.3 * x for x in maps(1)], maps(2)
    shown = [x + 0.5 * x.roll(1, 3) for x in shown]
    optimizer = torch.optim.Adam(critic.parameters(), 3e-3)
    before = float(contest(critic, shown, wanted)[0].detach())
    for _ in range(60):
        judging, fooling = contest(critic, shown, wanted)
        optimizer.zero_grad()
        judging.backward()
        optimizer.step()
    assert float(judging.detach()) < 0.5 * before
    assert float(fooling.detach()) > 0.5  # what is made would have to change to pass
    for real, fake in zip(critic(wanted), critic(shown), strict=True):
        assert real.mean() > fake.mean()
