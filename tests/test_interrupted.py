"""A training that is killed at any moment, and resumed, ends as one that was not: to the last bit.

Three kills in the suite; `DILVIZ_KILLS=20 pytest tests/test_interrupted.py` for more.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch

from dilviz.diffusion.checkpoint import read_checkpoint

KILLS = int(os.environ.get("DILVIZ_KILLS", "3"))
COMMAND = "train lander --demos 3 --steps 700 --checkpoint-every 7 --seed 5 --json --resume --out"


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-m", "dilviz", *COMMAND.split(), str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(folder):
    process = start(folder)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run: its folder, and how long it took."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    begun = time.monotonic()
    finish(folder)
    return folder, time.monotonic() - begun


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


def next_draws(folder):
    generator = torch.Generator()
    generator.set_state(read_checkpoint(folder / "training.safetensors")["generator"])
    return torch.randn(100, generator=generator)


def assert_equal(folder, whole):
    for name in ("training.safetensors", "policy.safetensors"):
        ours, theirs = read_checkpoint(folder / name), read_checkpoint(whole / name)
        assert ours.keys() == theirs.keys()
        for key, tensor in theirs.items():
            assert torch.equal(ours[key], tensor), key
    assert torch.equal(next_draws(folder), next_draws(whole))


@pytest.mark.parametrize("which", range(KILLS))
def test_killed_and_resumed_equals_uninterrupted(which, whole, tmp_path):
    reference, seconds = whole
    draw = random.Random(which)
    folder = tmp_path / "run"
    for _ in range(1 + which % 2):  # every other run is killed twice
        process = start(folder)
        try:
            process.wait(timeout=draw.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            kill(process)
    finish(folder)
    assert_equal(folder, reference)


def test_killed_while_it_writes(whole, tmp_path):
    reference, _ = whole
    folder = tmp_path / "run"
    process = start(folder)
    seen = 0
    while process.poll() is None and seen < 5:
        seen += any(folder.glob("training.safetensors.*.unfinished"))
    assert process.poll() is None, "the training was over before a write was seen"
    kill(process)
    finish(folder)
    assert_equal(folder, reference)
