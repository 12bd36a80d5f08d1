"""The browser computes what torch does: the same noise, the same rounded weights, the same answers."""

import base64
import json
import random
from dataclasses import fields

import numpy as np
import pytest
import torch
from live import load

from dilviz.diffusion import PREDICTION_TYPES, CounterGenerator, MLPDenoiser, NoiseSchedule, ddpm, draw_noise
from dilviz.diffusion.noise import normals, threefry
from dilviz.diffusion.samplers import SAMPLERS
from dilviz.envs.fork import Scene
from dilviz.envs.fork_env import ForkVectorEnv
from dilviz.imitation import rollout
from dilviz.show.live.fork import RULES
from dilviz.show.live.weights import pack_network, pack_plan, pack_policy, rounded_network, rounded_policy
from dilviz.tasks import TASKS, shipped

SCHEDULE = NoiseSchedule(100)
# Salmon et al.'s own known answers: key, counter, scrambled.
KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]
SAMPLE = """([network, kind, conds, seeds, numbers, size, times]) => {
  const { makeNetwork, denoiser, makePlan, floats, makeGenerator, draw, sample } = window.dilviz;
  const generators = seeds.map(makeGenerator);
  const rows = () => Float32Array.from(generators.flatMap((one) => [...draw(one, size)]));
  const predict = denoiser(makeNetwork(network), conds);
  const noise = rows();
  const once = [...predict(noise, times)];
  return { once, end: [...sample(predict, kind, makePlan(floats(numbers)), noise, { fresh: rows })] };
}"""
WALKS = """([packed, steps, scenes, seeds, rules]) => {
  const walkers = window.dilviz.walks(window.dilviz.makePolicy(packed), steps, scenes, seeds, rules);
  return walkers.map(({ outcome, places }) => ({ outcome, places }));
}"""


@pytest.fixture(scope="module")
def page(browser):
    return load(browser, "numbers.js", "samplers.js", "fork_world.js")


@pytest.mark.parametrize(("key", "counter", "scrambled"), KNOWN)
def test_counters_are_scrambled_as_its_authors_say(page, key, counter, scrambled):
    assert tuple(threefry(key, np.array([counter], np.uint32))[0]) == scrambled
    assert tuple(page.evaluate("([k, c]) => dilviz.threefry(k, c)", [list(key), list(counter)])) == scrambled


@pytest.mark.parametrize(("seed", "first"), [(0, 0), (7, 3), (2**31 + 5, 10), (2**53 - 1, 2**33 + 1)])
def test_a_seed_has_one_list_of_noise_in_both(page, seed, first):
    drawn = page.evaluate("([s, f]) => [...dilviz.normals(s, f, 101)]", [seed, first])
    np.testing.assert_allclose(drawn, normals(seed, first, 101), rtol=1e-6, atol=1e-7)


def test_noise_is_standard_normal_and_does_not_repeat():
    drawn = normals(3, 0, 200_000)
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.var() - 1) < 0.02
    assert abs((drawn**4).mean() - 3) < 0.1
    assert len(np.unique(drawn)) == len(drawn)
    assert abs(np.corrcoef(drawn, normals(4, 0, 200_000))[0, 1]) < 0.01


def test_a_generator_goes_on_where_it_stopped():
    whole, parts = CounterGenerator(11), CounterGenerator(11)
    wanted = whole.randn((3, 5, 7))
    got = torch.cat([parts.randn((1, 5, 7)), parts.randn((2, 5, 7))])
    assert torch.equal(wanted, got)


def test_halves_are_read_as_they_were_written(page):
    bits = np.arange(2**16, dtype=np.uint16)
    numbers = bits.view(np.float16)
    text = base64.b64encode(bits.tobytes()).decode()
    read = np.array(page.evaluate("(text) => [...dilviz.halves(text)].map(String)", text), dtype=float)
    np.testing.assert_array_equal(read, numbers.astype(float))


def cases(count):
    draws = random.Random(5)
    for k in range(count):
        size = {"horizon": draws.randint(1, 13), "dim": draws.randint(1, 4), "cond_dim": draws.choice([0, 1, 5, 14])}
        network = MLPDenoiser(**size, width=draws.randint(3, 71), depth=draws.randint(1, 4), seed=k,
                              prediction_type=PREDICTION_TYPES[k % len(PREDICTION_TYPES)])  # fmt: skip
        with torch.no_grad():
            for weights in network.parameters():
                weights.mul_(draws.choice([0.5, 1, 2]))
        yield network, draws.randint(1, 9)


def test_the_network_and_ddpm_agree_with_torch_in_two_hundred_random_cases(page):
    for k, (network, rows) in enumerate(cases(200)):
        generators = [CounterGenerator(1000 * k + row) for row in range(rows)]
        cond = draw_noise((rows, 1, network.cond_dim), CounterGenerator(k)).flatten(1) if network.cond_dim else None
        conds = [[]] * rows if cond is None else cond.tolist()
        size = network.horizon * network.dim
        seeds = [generator.seed for generator in generators]
        numbers = pack_plan(ddpm, SCHEDULE, 100)
        found = page.evaluate(SAMPLE, [pack_network(network), network.prediction_type, conds, seeds, numbers, size, 63])
        exact = rounded_network(network)
        noise = draw_noise((rows, network.horizon, network.dim), generators)
        with torch.no_grad():
            once = exact(noise, torch.full((rows,), 63), cond).flatten()
        end = ddpm(exact, SCHEDULE, noise, 100, cond=cond, generator=generators).flatten()
        for name, wanted, tolerance in (("once", once, 1e-4), ("end", end, 1e-3)):
            off = (torch.tensor(found[name]) - wanted).abs().max() / (1 + noise.abs().max())
            assert off <= tolerance, f"case {k}, {name}: {float(off):.2g}"


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_ends_where_torch_does(page, sampler):
    network = MLPDenoiser(7, 2, 3, width=29, prediction_type="sample")
    cond = draw_noise((5, 1, 3), CounterGenerator(1)).flatten(1)
    generators = [CounterGenerator(row) for row in range(5)]
    numbers = pack_plan(SAMPLERS[sampler], SCHEDULE, 13)
    values = [pack_network(network), "sample", cond.tolist(), list(range(5)), numbers, 14, 3]
    found = torch.tensor(page.evaluate(SAMPLE, values)["end"])
    wanted = SAMPLERS[sampler](
        rounded_network(network), SCHEDULE, draw_noise((5, 7, 2), generators), 13, cond=cond, generator=generators
    )
    torch.testing.assert_close(found, wanted.flatten(), atol=1e-3, rtol=0)


def scenes_of(task, seeds):
    env = ForkVectorEnv(len(seeds), moving=task == "fork-moving")
    env.reset(seed=list(seeds))
    values = {field.name: np.asarray(getattr(env.scene, field.name)).tolist() for field in fields(Scene)}
    return [{name: value[i] for name, value in values.items()} for i in range(len(seeds))]


def outcomes(episodes):
    ways = []
    for mode, length, ended in zip(episodes.mode, episodes.lengths, episodes.terminated, strict=True):
        ways.append(str(mode) or ("crashed" if ended else "late"))
        assert length <= RULES["max_steps"]
    return ways


@pytest.mark.parametrize("task", ["fork", "fork-moving"])
@pytest.mark.parametrize("kind", ["diffusion", "cloning"])
def test_the_browsers_episodes_are_pythons(page, task, kind):
    seeds, policy = range(1000, 1500), shipped(task, kind)
    wanted = rollout(rounded_policy(policy), TASKS[task], seeds, CounterGenerator)
    packed = json.loads(json.dumps(pack_policy(policy, [10])))
    found = page.evaluate(WALKS, [packed, 10, scenes_of(task, seeds), list(seeds), RULES])
    same = [walker["outcome"] == outcome for walker, outcome in zip(found, outcomes(wanted), strict=True)]
    assert sum(same) >= 495
    for i in np.flatnonzero(same)[:50]:
        np.testing.assert_allclose(found[i]["places"], wanted.path(i)[:, :2], atol=2e-3)
