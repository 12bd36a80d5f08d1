"""Minari data sets: what is written is read, what others wrote is read, and what cannot be is said in one sentence."""

import json
import re
import subprocess
import sys
import warnings
from dataclasses import fields, replace
from pathlib import Path

import gymnasium
import minari
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, Tuple
from minari.data_collector import EpisodeBuffer

from dilviz.errors import InputError, MissingExtra
from dilviz.imitation.episodes import Episodes
from dilviz.imitation.exchange import dataset_environment, read_minari, write_minari
from dilviz.tasks import TASKS

ROOT = Path(__file__).parent.parent
CAR = "MountainCarContinuous-v0"
ACTIONS = Box(-1, 1, (3,))
SPACE = Dict(
    where=Box(-9, 9, (2, 2), np.float64),
    goal=Tuple((Discrete(3, start=5), MultiBinary(2))),
    far=Box(0, 9, (), np.uint8),
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    return tmp_path / "datasets"


@pytest.fixture(scope="module", params=["fork", "lander"])
def recorded(request):
    task = TASKS[request.param]
    ends = {"terminated": np.array([True, False, True]), "success": np.array([False, True, True])}
    return task, replace(task.demonstrations(3), **ends)  # with both values of both


def stacked(space, values):
    """Values of a space as Minari takes them: a tree of columns."""
    if isinstance(space, Dict):
        return {key: stacked(part, [value[key] for value in values]) for key, part in space.spaces.items()}
    if isinstance(space, Tuple):
        return tuple(stacked(part, [value[k] for value in values]) for k, part in enumerate(space.spaces))
    return np.array(values)


def buffer(steps=4, acted=ACTIONS, **changes):
    columns = {
        "observations": stacked(SPACE, [SPACE.sample() for _ in range(steps + 1)]),
        "actions": np.array([acted.sample() for _ in range(steps)]),
        "rewards": np.arange(steps) / 7,
        "terminations": np.zeros(steps, bool),
        "truncations": np.arange(steps) == steps - 1,
    }
    return EpisodeBuffer(**columns | changes)


def foreign(*buffers, actions=ACTIONS, name="else/where-v3", **more):
    """A data set as someone else would write it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Minari misses author, e-mail and so on
        spaces = {"observation_space": SPACE, "action_space": actions}
        return minari.create_dataset_from_buffers(name, list(buffers), **spaces, **more)


def assert_equal(one, other):
    for name in (field.name for field in fields(Episodes)):
        a, b = np.asarray(getattr(one, name)), np.asarray(getattr(other, name))
        assert a.dtype.kind == b.dtype.kind and np.array_equal(a, b), name


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_written_is_read(recorded):
    task, episodes = recorded
    write_minari(episodes, "dilviz/some-v0", task.env_id)
    assert_equal(read_minari("dilviz/some-v0"), episodes)
    assert_equal(read_minari("dilviz/some-v0", 2), episodes.only(np.arange(2)))


def test_minari_takes_it_for_its_own(recorded, recwarn):
    task, episodes = recorded
    write_minari(episodes, "dilviz/some-v0", task.env_id)
    dataset = minari.load_dataset("dilviz/some-v0")
    assert list(minari.list_local_datasets()) == ["dilviz/some-v0"]
    assert minari.namespace.list_local_namespaces() == ["dilviz"]
    assert (dataset.total_episodes, dataset.total_steps) == (3, len(episodes.actions))
    for episode, seed, terminated in zip(dataset, episodes.seeds, episodes.terminated, strict=True):
        assert all(map(dataset.observation_space.contains, episode.observations))
        assert all(map(dataset.action_space.contains, episode.actions))
        assert np.flatnonzero(episode.terminations | episode.truncations).tolist() == [len(episode) - 1]
        assert (episode.terminations[-1], episode.truncations[-1]) == (terminated, not terminated)
        assert len(episode.infos["success"]) == len(episode) + 1
        env = dataset.recover_environment()  # the seed and the actions that are kept lead to what was seen
        assert np.array_equal(env.reset(seed=int(seed))[0], episode.observations[0])
        for action, after in zip(episode.actions, episode.observations[1:], strict=True):
            assert np.array_equal(env.step(action)[0], after)
    assert env.spec.id == dataset_environment("dilviz/some-v0")[0] == task.env_id
    assert [str(warning.message) for warning in recwarn] == []


def test_any_observation_is_flattened_as_gymnasium_does_it():
    seen = [[SPACE.sample() for _ in range(steps + 1)] for steps in (4, 1, 2)]
    parts = [buffer(len(values) - 1, observations=stacked(SPACE, values)) for values in seen]
    foreign(*parts)
    episodes, space = read_minari("else/where-v3"), minari.load_dataset("else/where-v3").observation_space
    for episode, values in enumerate(seen):
        flat = [gymnasium.spaces.flatten(space, value) for value in values]
        assert np.array_equal(episodes.path(episode), np.array(flat, np.float32))
    assert np.array_equal(episodes.actions, np.concatenate([part.actions for part in parts]))
    assert episodes.rewards.dtype == np.float64
    assert episodes.lengths.tolist() == [4, 1, 2]
    assert not episodes.terminated.any()
    assert (episodes.task, dataset_environment("else/where-v3")) == ("else/where-v3", None)


def test_success_and_seeds_are_the_episodes_own_where_it_has_them():
    lost = np.array([0, 1, 1, 1, 0], bool)  # in the end
    dataset = foreign(
        buffer(infos={"success": lost}, seed=2**64 - 1),  # Minari itself draws seeds of 64 bits
        buffer(infos={"is_success": lost}),
        buffer(infos={"speed": np.ones(5)}, seed=7),
        buffer(),
    )
    dataset.storage.update_episode_metadata([{"seed": "None"}], [3])  # as an old Minari says that it knows none
    episodes = read_minari("else/where-v3")
    assert episodes.success.tolist() == [False, False, True, True]
    assert episodes.seeds.tolist() == [2**64 - 1, 1, 7, 3]
    assert episodes.mode.tolist() == [""] * 4


def test_the_environment_for_evaluation_comes_first():
    foreign(buffer(), env="Pendulum-v1", eval_env=CAR)
    assert dataset_environment("else/where-v3")[0] == CAR


def test_a_data_set_that_is_there_is_replaced_when_asked_and_whole_when_that_fails(recorded, folder, monkeypatch):
    task, episodes = recorded
    write_minari(episodes, "dilviz/some-v0", task.env_id)
    before = files(folder)
    with pytest.raises(InputError, match=r"'dilviz/some-v0' exists in .*; take another version, or replace it"):
        write_minari(episodes, "dilviz/some-v0", task.env_id)

    def full(*args):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("minari.dataset._storages.hdf5_storage.HDF5Storage.update_episode_metadata", full)
        for name in ("dilviz/some-v0", "dilviz/other-v0", "another/some-v0"):
            with pytest.raises(InputError, match=r"cannot be written .*no space left.* set MINARI_DATASETS_PATH"):
                write_minari(episodes, name, task.env_id, replace=True)
    assert files(folder) == before
    assert {path.name for path in folder.rglob("*") if path.is_dir()} == {"dilviz", "some-v0", "data"}
    write_minari(episodes.only(np.array([1])), "dilviz/some-v0", task.env_id, replace=True)
    assert_equal(read_minari("dilviz/some-v0"), episodes.only(np.array([1])))


def toy():
    """As if from the continuous mountain car."""
    rows, one = np.zeros((2, 2), np.float32), np.array([True])
    return Episodes(rows, rows[:, :1], np.zeros(2), np.array([2]), rows[:1], one, np.array([7]), one, one, "toy")


gymnasium.register("local/Function-v0", entry_point=lambda: gymnasium.make("Pendulum-v1"))


@pytest.mark.parametrize(
    ("dataset_id", "env_id", "says"),
    [
        ("toy", CAR, "'toy' names no data set .*; take a name like dilviz/fork-v0"),
        ("../toy-v0", CAR, "'../toy-v0' names no data set"),
        ("toy-v0", "Pendulums-v1", "'Pendulums-v1' is no environment for a file .*doesn't exist"),
        ("toy-v0", "local/Function-v0", "'local/Function-v0' is no environment for a file .*Callable"),
        ("toy-v0", "Pendulum-v1", r"has observations in Box.*, the episodes have \(2,\); name the one"),
        ("toy-v0", "MountainCar-v0", r"has actions in Discrete\(3\), the episodes have \(1,\)"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is(dataset_id, env_id, says, folder):
    with pytest.raises(InputError, match=says):
        write_minari(toy(), dataset_id, env_id)
    with pytest.raises(InputError, match="there is no episode to write"):
        write_minari(toy().only(np.zeros(1, bool)), "toy-v0", CAR)
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_named(folder):
    folder.touch()  # as a file
    with pytest.raises(InputError, match=r"toy-v0.data cannot be written \(.*\); set MINARI_DATASETS_PATH"):
        write_minari(toy(), "toy-v0", CAR)


def test_a_data_set_that_is_not_there_is_looked_for_nowhere_else(folder, monkeypatch):
    monkeypatch.setattr("socket.socket", None)  # whoever reaches for the network fails otherwise
    says = (
        rf"no data set 'D4RL/door/human-v2' in {re.escape(str(folder))} .*`minari download D4RL/door/human-v2` gets it"
    )
    for read in (read_minari, dataset_environment):
        with pytest.raises(InputError, match=says):
            read("D4RL/door/human-v2")
    assert not folder.exists()
    monkeypatch.delenv("MINARI_DATASETS_PATH")
    monkeypatch.setattr("pathlib.Path.home", lambda: folder)
    with pytest.raises(InputError, match=re.escape(f"in {folder / '.minari' / 'datasets'} ")):
        read_minari("D4RL/door/human-v2")


def test_actions_are_a_box():
    foreign(buffer(acted=Discrete(3)), actions=Discrete(3))
    with pytest.raises(InputError, match=r"has actions in Discrete\(3\); take one with a Box"):
        read_minari("else/where-v3")


@pytest.mark.parametrize("count", [0, -1, 3])
def test_a_count_is_of_episodes_that_are_there(count):
    foreign(buffer(), buffer())
    with pytest.raises(InputError, match=f"^{count} episodes of data set 'else/where-v3' are asked for; take 1 to 2"):
        read_minari("else/where-v3", count)
    foreign(name="else/empty-v0")
    with pytest.raises(InputError, match="'else/empty-v0' holds no episode"):
        read_minari("else/empty-v0")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rewards": np.array([0, np.nan, 0, 0])}, "episode 1 has a value that is not finite"),
        ({"actions": np.full((4, 3), 1e39)}, "episode 1 has a value that is not finite"),  # too large for float32
        ({"rewards": np.zeros(3)}, "episode 1 has 5 observations, 4 actions and 3 rewards"),
        ({"actions": np.zeros((5, 3))}, "episode 1 has 5 observations, 5 actions and 4 rewards"),
        ({"actions": np.zeros((4, 2))}, "cannot be read .*ValueError: cannot reshape"),
    ],
)
def test_an_episode_that_is_not_sound_is_named(changes, says):
    foreign(buffer(), buffer(**changes))
    assert len(read_minari("else/where-v3", 1)) == 1
    with pytest.raises(InputError, match=says):
        read_minari("else/where-v3")


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def metadata(**changes):
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("main_data.hdf5", cut),
        ("main_data.hdf5", lambda path: path.write_text("")),
        ("main_data.hdf5", Path.unlink),
        ("metadata.json", cut),
        ("metadata.json", Path.unlink),
        ("metadata.json", metadata(total_episodes=9)),
        ("metadata.json", metadata(minari_version="9\n0")),
        ("metadata.json", metadata(observation_space='{"type": "Sphere"}')),
        ("metadata.json", metadata(data_format="clay")),
    ],
)
def test_a_file_that_is_not_whole_is_said_to_be_so(folder, name, damage):
    foreign(buffer())
    damage(folder / "else" / "where-v3" / "data" / name)
    with pytest.raises(InputError, match=r"where-v3.data cannot be read .*; write or download it anew") as caught:
        read_minari("else/where-v3")
    assert "\n" not in str(caught.value)


def test_without_minari_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "minari", None)
    for act in (read_minari, dataset_environment, lambda name: write_minari(toy(), name, CAR)):
        with pytest.raises(MissingExtra, match=r"pip install 'minari\[hdf5\]'"):
            act("toy-v0")


def test_without_what_a_file_format_needs_it_is_named(folder, monkeypatch):
    foreign(buffer())
    metadata(data_format="arrow")(folder / "else" / "where-v3" / "data" / "metadata.json")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "minari.dataset._storages.arrow_storage", raising=False)
    with pytest.raises(MissingExtra, match="pyarrow is not installed"):
        read_minari("else/where-v3")


def test_minari_is_imported_when_it_is_needed():
    code = "import sys, dilviz.imitation.exchange, dilviz.tasks; print({'minari', 'h5py'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"
