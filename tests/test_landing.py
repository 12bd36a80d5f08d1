"""The landings without a browser: moon, tracks, verdicts, sentences and the still."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from dilviz.errors import InputError
from dilviz.imitation import rollout
from dilviz.imitation.episodes import Episodes
from dilviz.show import landing, theme
from dilviz.show.landing import (
    LandingExplorer,
    LandingPlayer,
    describe_landing,
    landing_data,
    landing_recording,
)
from dilviz.show.landing_still import STILLS, landing_figure
from dilviz.tasks import TASKS

pytest.importorskip("Box2D")
LANDER = TASKS["lander"]


class Steady:
    """Does the same all the time; by default nothing, and falls."""

    obs_horizon = 1

    def __init__(self, main=-1.0, side=0.0):
        self.action = torch.tensor([main, side])

    def act(self, observations, generator=None):
        return self.action.expand(len(observations), 3, 2)


@pytest.fixture(scope="module")
def policies():
    return {"expert": LANDER.expert(), "cloning": Steady()}


@pytest.fixture(scope="module")
def data(policies):
    return landing_data(7, policies)


@pytest.mark.parametrize("seed", [0, 7, 98])
def test_the_ground_runs_from_edge_to_edge_and_is_flat_under_the_pad(policies, seed):
    moon = landing_data(seed, {"cloning": Steady()})
    x, y = np.array(moon.ground).T
    np.testing.assert_allclose(x, np.linspace(-1, 1, 11), atol=1e-4)
    assert moon.pad == pytest.approx((-0.2, 0.2))
    under = np.interp(np.linspace(*moon.pad, 31), x, y) * landing.WORLD[1]
    # The environment smooths its heights by 0.33, not by a third: the ground lies one pixel below the flags' feet.
    np.testing.assert_allclose(under, -landing.STANDS - 1, atol=0.02)
    assert np.ptp(y) > 0.05


def test_tracks_are_what_was_rolled_out(data, policies):
    for track, (role, policy) in zip(data.tracks, policies.items(), strict=True):
        episodes = rollout(policy, LANDER, [7])
        assert track.role == role
        assert len(track.states) == len(track.engines) + 1 == episodes.lengths[0] + 1
        np.testing.assert_allclose(track.states, episodes.path(0), atol=6e-5)
        assert track.total == episodes.returns[0]


def test_a_landed_track_stands_on_the_ground_near_the_pad(data):
    x, y, *_, right, left = data.tracks[0].states[-1]
    assert data.tracks[0].landed
    assert data.pad[0] < x < data.pad[1]
    assert abs(y) < 0.02
    assert (right, left) == (1, 1)


def test_who_falls_crashes(data):
    fallen = data.tracks[1]
    assert not fallen.landed
    assert fallen.says == f"crashed, return −{abs(fallen.total):.0f}"
    assert fallen.engines == [[0, 0]] * len(fallen.engines)


@pytest.mark.parametrize(
    ("action", "engines"),
    [((-0.1, 0.4), [0, 0]), ((0.5, -0.75), [0.75, -0.75]), ((9, 9), [1, 1]), ((0.25, -0.5), [0.625, 0])],
)
def test_engines_fire_as_the_environment_fires_them(action, engines):
    track = landing_data(3, {"noise": Steady(*action)}).tracks[0]
    assert track.engines[0] == engines


def test_the_player_has_the_landers_where_the_states_say(data):
    shown = landing_recording(data)
    for track, played in zip(data.tracks, shown["tracks"], strict=True):
        states = np.array(track.states)
        np.testing.assert_allclose(np.array(played["places"])[:, :2] / landing.WORLD, states[:, :2], atol=5e-5)
        np.testing.assert_allclose(np.array(played["places"])[:, 2], states[:, 4], atol=6e-3)
        assert (played["label"], played["ends"]) == (track.role, track.says)
        assert len(played["powers"]) == len(track.engines)
    assert (shown["rate"], shown["timed"], shown["last"]) == (50, True, max(len(t.engines) for t in data.tracks))
    [soil, pad] = shown["background"]
    assert soil["points"][: len(data.ground)] == (np.array(data.ground) * landing.WORLD).tolist()
    assert (min(x for x, _ in pad["points"]), max(y for _, y in pad["points"])) == (-60, pytest.approx(31, abs=0.1))


@pytest.mark.parametrize(("engines", "burning"), [((0.7, 0), [0]), ((0, 0.6), [1]), ((0.5, -1), [0, 2]), ((0, 0), [])])
def test_a_flame_stands_on_the_side_that_it_pushes_from(data, engines, burning):
    track = replace(data.tracks[0], engines=[list(engines)] * len(data.tracks[0].engines))
    shown = landing_recording(replace(data, tracks=(track,)))
    powers = shown["tracks"][0]["powers"][3]
    assert [k for k, power in enumerate(powers) if power] == burning
    assert max(powers) == max(map(abs, engines))
    below, left, right = (np.mean(jet["base"], axis=0) for jet in shown["craft"]["jets"])
    assert below[1] < -10 and left[0] < -16 and right[0] > 16


def test_a_seed_gives_the_same_landings_and_another_gives_others(data, policies):
    assert landing_data(7, policies) == data
    other = landing_data(8, policies)
    assert other.ground != data.ground
    assert other.tracks[0].states != data.tracks[0].states


@pytest.mark.parametrize(
    ("x", "reward", "terminated", "success", "verdict"),
    [
        (0, 100, True, True, "landed"),
        (0.4, 100, True, False, "landed poorly"),
        (0.4, -100, True, False, "crashed"),
        (-1.01, -100, True, False, "flew off"),
        (0.4, -1, False, False, "out of time"),
    ],
)
def test_what_became_of_a_track(monkeypatch, x, reward, terminated, success, verdict):
    ended = Episodes(
        observations=np.zeros((2, 8), np.float32),
        actions=np.zeros((2, 2), np.float32),
        rewards=np.array([-1.0, reward]),
        episode_ends=np.array([2]),
        last=np.array([[x, *[0] * 7]], np.float32),
        terminated=np.array([terminated]),
        seeds=np.array([0]),
        success=np.array([success]),
        mode=np.array([""]),
        task="lander",
    )
    monkeypatch.setattr(landing, "rollout", lambda *_: ended)
    assert landing_data(0, {"expert": Steady()}).tracks[0].verdict == verdict


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        (["landed"] * 3, "From the same start the expert, the diffusion policy and the cloned policy land."),
        (["crashed", "landed", "landed"], "… the diffusion policy and the cloned policy land, the expert crashes."),
        (
            ["out of time", "flew off", "landed"],
            "… the cloned policy lands, the diffusion policy flies off, the expert",
        ),
        (["landed poorly"], "From the same start the expert lands poorly."),
    ],
)
def test_a_sentence_says_what_became_of_each(data, verdicts, sentence):
    roles = ["expert", "diffusion", "cloning"]
    tracks = [replace(data.tracks[0], role=role, verdict=v) for role, v in zip(roles, verdicts, strict=False)]
    assert sentence.removeprefix("… ") in describe_landing(replace(data, tracks=tuple(tracks)))


def test_what_a_page_is_sent_is_small(data):
    assert len(json.dumps(LandingPlayer(data).values())) < 12_000 * len(data.tracks)


def test_a_changed_seed_replaces_the_tracks_in_one_message(policies, monkeypatch):
    explorer = LandingExplorer(policies, seed=7)
    before, messages = explorer.scene, []
    monkeypatch.setattr(explorer, "send_state", lambda key: messages.append({key} if isinstance(key, str) else {*key}))
    explorer.seed = 8
    assert explorer.data == landing_data(8, policies)
    assert explorer.scene["tracks"] != before["tracks"]
    assert [keys for keys in messages if keys != {"seed"}] == [{"scene"}]


def test_text_says_seed_and_verdicts_and_no_return(policies):
    says = "From the same start the expert lands, the cloned policy crashes."
    explorer = LandingExplorer(policies, seed=7)
    assert repr(explorer) == f"LandingExplorer(seed=7): {says}"
    assert repr(LandingPlayer(explorer.data)) == f"LandingPlayer(seed 7): {says}"
    assert explorer._repr_mimebundle_()[0]["text/plain"] == repr(explorer)


def test_it_waits_until_it_is_played(data):
    player = LandingPlayer(data)
    assert not player.playing
    assert 0 < player.scene["glimpse"] < min(len(track.engines) for track in data.tracks) / 2
    assert LandingPlayer(data, playing=True, at=9).values()["at"] == 9


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: landing_data(0, {}), "policies has none; name each by one of diffusion, cloning"),
        (lambda: landing_data(0, {"zork": Steady()}), "policies has zork; name each by one of"),
        (lambda: landing_data(-1, {"expert": Steady()}), "seed is -1; give 0 or more"),
        (lambda: LandingExplorer({"expert": Steady()}, seed=100), "seed is 100; give a whole number from 0 to 99"),
        (lambda: LandingExplorer({"expert": Steady()}, seed="now"), "seed is 'now'; give a whole number from 0 to 99"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()


def test_the_still_shows_each_trail_in_its_look_and_says_its_verdict(data):
    figure = landing_figure(data)
    for track in data.tracks:
        look = theme.ROLES[track.role]
        trails = [trace for trace in figure.data if trace.name == track.role and trace.line.dash == look.dash]
        path = np.array(track.states)[:, :2] * landing.WORLD
        assert any(len(t.x) == len(path) and np.allclose(np.stack([t.x, t.y], 1), path) for t in trails)
        marks = [t for t in figure.data if t.mode == "markers" and t.marker.color == look.color]
        assert [len(t.x) for t in marks] == [-(-len(path) // landing.STEPS_PER_SECOND)]
    assert [a.text for a in figure.layout.annotations] == [f"{t.role}: {t.says}" for t in data.tracks]
    assert figure.layout.yaxis.scaleanchor == "x"


def test_the_still_of_the_shipped_policies_can_be_drawn():
    [(name, draw)] = STILLS.items()
    assert name == "00_landing"
    assert [note.text.split(":")[0] for note in draw().layout.annotations] == ["expert", "diffusion", "cloning"]
