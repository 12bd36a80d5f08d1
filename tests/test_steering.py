"""Acting late, and steering: what changes in what a policy does, and what does not."""

import numpy as np
import pytest
import torch

from dilviz.diffusion import ExactDenoiser, NoiseSchedule, ddpm
from dilviz.envs.fork import FORK, MAX_STEP, move, places_ahead
from dilviz.errors import InputError
from dilviz.imitation import rollout
from dilviz.imitation.steering import away_from, steered, toward
from dilviz.tasks import TASKS, shipped

FORK_TASK = TASKS["fork"]


# --- acting late ---


class Counting:
    """Gives actions that say for which step they were meant, as a speed upward."""

    obs_horizon = 1

    def __init__(self, delay, acted=4):
        self.delay, self.acted, self.seen = delay, acted, []

    def act(self, observations, generator=None, late=0):
        self.seen.append((float(observations[0, -1, 1]), late))
        steps = torch.arange(late, late + self.acted).float()
        return torch.stack([0 * steps, 0.01 * (1 + steps)], dim=1)[None].expand(len(observations), self.acted, 2)


def test_who_is_late_is_shown_what_was_seen_then_and_leaves_out_what_has_passed():
    policy = Counting(2)
    walk = rollout(policy, FORK_TASK, [0])
    path = walk.path(0)[:, 1]
    shown = [height for height, _ in policy.seen]
    assert [late for _, late in policy.seen][:3] == [0, 2, 2]  # at the start the world waits
    assert np.allclose(shown[:4], path[[0, 2, 6, 10]])
    assert np.allclose(walk.actions[:8, 1], [0.01, 0.02, 0.03, 0.04, 0.03, 0.04, 0.05, 0.06])


def test_at_the_start_nothing_is_older_than_the_start():
    policy = Counting(3, acted=2)
    path = rollout(policy, FORK_TASK, [0]).path(0)[:, 1]
    assert [late for _, late in policy.seen][:4] == [0, 2, 3, 3]
    assert np.allclose([height for height, _ in policy.seen][:5], path[[0, 0, 1, 3, 5]])


def test_a_policy_that_need_not_wait_acts_as_before():
    policy = shipped("fork", "diffusion")
    before = rollout(policy, FORK_TASK, range(20))
    again = rollout(policy.wait(3).wait(0), FORK_TASK, range(20))
    assert np.array_equal(before.actions, again.actions)


@pytest.mark.parametrize("name", ["diffusion", "mdn", "cloning"])
def test_late_actions_are_those_of_the_same_chunk(name):
    policy = shipped("fork", name)
    seen = torch.tensor([[[0.48, 0.1], [0.48, 0.12]]]).expand(5, 2, 2)
    now, late = (policy.act(seen, torch.Generator().manual_seed(0), late=late) for late in (0, 2))
    assert torch.equal(now[:, 2:], late[:, :2])


@pytest.mark.parametrize("delay", [-1, 4, 0.5])
def test_a_delay_beyond_what_is_predicted_is_named(delay):
    with pytest.raises(InputError, match=f"delay is {delay}; give 0 to 3: pred_horizon 8 holds action_horizon 4"):
        shipped("fork", "diffusion").wait(delay)


# --- steering ---


def test_steering_samples_from_the_data_times_what_the_cost_says():
    # Data N(0, 1) and a cost x²/2 make N(0, 1/2); a cost (x − 2)²/2 makes N(1, 1/2).
    schedule, generator = NoiseSchedule(200), torch.Generator().manual_seed(0)
    exact = ExactDenoiser(schedule, torch.zeros(1, 1, 1, dtype=torch.float64), std=1.0)
    noise = torch.randn(4000, 1, 1, generator=generator, dtype=torch.float64)

    def cost(x0):
        return (x0[:, 0, 0] - 2) ** 2 / 2

    plain = ddpm(exact, schedule, noise, 200, clip=None, generator=generator)
    pulled = ddpm(steered(exact, schedule, cost), schedule, noise, 200, clip=None, generator=generator)
    assert float(plain.mean()) == pytest.approx(0, abs=0.06)
    # The cost stands in at the estimate: its pull is weaker than the truth where x_t tells little, never stronger.
    assert 0.7 < float(pulled.mean()) < 1.3
    assert float(pulled.var()) < 0.8 * float(plain.var())


def test_where_actions_lead_is_where_the_fork_takes_them():
    actions = torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(0))
    position = np.tile([[0.1, 0.1]], (4, 1))
    seen = torch.tensor(position).float()[:, None]
    for k, place in enumerate(places_ahead(actions, seen).numpy().swapaxes(0, 1)):
        position, _, _ = move(FORK, position, actions[:, k].double().numpy())
        assert np.allclose(place, position.clip(0, 1), atol=1e-5) or (position <= 0).any()


def test_a_policy_is_steered_to_one_side_and_still_gets_there():
    policy = shipped("fork", "diffusion")
    plain = rollout(policy, FORK_TASK, range(100))
    left = rollout(policy.steer(toward((0.1, 0.5), places_ahead, 100)), FORK_TASK, range(100))
    again = rollout(policy.steer(None), FORK_TASK, range(100))
    assert 30 < (plain.mode == "left").sum() < 70
    assert (left.mode == "left").sum() > 95
    assert np.array_equal(plain.actions, again.actions)


def test_a_disc_is_avoided():
    policy = shipped("fork", "diffusion").steer(away_from((0.75, 0.3), 0.2, places_ahead, 3000))
    walks = rollout(policy, FORK_TASK, range(100))
    assert (walks.mode == "left").sum() > 85 and (walks.mode == "right").sum() < 5


def test_a_cost_of_nothing_changes_nothing():
    policy, seen = shipped("fork", "diffusion"), torch.tensor([[[0.48, 0.1], [0.48, 0.12]]])
    plain = policy.act(seen, torch.Generator().manual_seed(0))
    free = policy.steer(lambda actions, observations: 0 * actions.sum((1, 2)))
    assert torch.allclose(free.act(seen, torch.Generator().manual_seed(0)), plain, atol=1e-5)
    far = policy.steer(away_from((5.0, 5.0), MAX_STEP, places_ahead, 100))
    assert torch.allclose(far.act(seen, torch.Generator().manual_seed(0)), plain, atol=1e-5)
