"""The dial of lesson 06: what it draws is what was measured, and the table of latencies is what its file says."""

import json
from html import unescape

import numpy as np
import pytest

from dilviz.assets import asset
from dilviz.bench import bench
from dilviz.bench_latency import STEPS as TIMED
from dilviz.course.latency import PUBLISHED, latency_table
from dilviz.diffusion import SAMPLERS
from dilviz.errors import InputError
from dilviz.imitation import rollout
from dilviz.show.dial import SPACED, STEPS, WALKS, DialExplorer, describe_dial, dial_data, dial_figure
from dilviz.tasks import TASKS, shipped


@pytest.fixture(scope="module")
def explorer():
    return DialExplorer()


def test_a_point_is_what_the_policy_does_with_those_steps(explorer):
    for sampler, spacing, steps in (("ddpm", "trailing", 2), ("ddim", "leading", 1), ("dpm_solver", "trailing", 10)):
        policy = shipped("fork", "diffusion").use(sampler, steps, timestep_spacing=spacing)
        walks = rollout(policy, TASKS["fork"], range(WALKS))
        assert explorer.data.points[sampler, spacing, steps].arrive == 100 * walks.success.mean()


def test_every_setting_was_measured_and_what_was_not_is_named(explorer):
    assert len(explorer.data.points) == len(SAMPLERS) * len(SPACED) * len(STEPS)
    with pytest.raises(InputError, match="ddim with 4 steps, trailing, has not been measured; take ddpm, ddim"):
        dial_data(explorer.data.points, {}, "ddim", "trailing", 4)


def test_one_leading_pass_leaves_the_noise_in(explorer):
    line = {spacing: dial_data(explorer.data.points, {}, "ddim", spacing, 10).line("ddim") for spacing in SPACED}
    assert line["leading"][1].arrive < 25 < line["trailing"][1].arrive < 90 < line["trailing"][3].arrive


def test_the_chosen_point_is_ringed_and_its_walks_are_drawn(explorer):
    data = dial_data(explorer.data.points, explorer.data.others, "ddim", "leading", 1)
    traces = {trace.name: trace for trace in dial_figure(data).data}
    assert (traces["chosen"].x[0], traces["chosen"].y[0]) == (data.point.ms, data.point.arrive)
    assert traces["ddim"].x[0] == data.point.ms and traces["ddim"].text[0] == "1"
    drawn = np.isfinite(traces["failed"].x).sum()
    assert drawn == (~data.point.walks.success[:40]).sum() > 20
    assert f"ddim, 1 pass, leading: {data.point.arrive:.0f} of {WALKS} arrive" in describe_dial(data)


def test_what_this_machine_measured_is_no_part_of_the_text_that_is_compared(explorer):
    assert repr(explorer) == "DialExplorer(sampler='ddim', steps=10, spacing='trailing')"


def test_bench_times_every_learner_sampler_and_number_of_passes():
    rows = {row["name"]: row for row in bench(["latency"])}
    wanted = {f"latency diffusion {sampler} {n}" for sampler in SAMPLERS for n in TIMED}
    wanted |= {
        f"latency {name}" for name in ["cloning", "cloning-onestep", "mdn", "dagger", "lookup", "diffusion-unet"]
    }
    assert rows.keys() == wanted
    assert all(0 < row["p50"] <= row["p95"] and row["ok"] and row["batch"] == 1 for row in rows.values())
    stored = json.loads(asset("results", "latency.json").read_text(encoding="utf-8"))["rows"]
    assert {row["name"] for row in stored} == wanted


def test_the_table_of_latencies_says_what_its_file_and_the_sources_say():
    text = unescape(latency_table().value)
    stored = json.loads(asset("results", "latency.json").read_text(encoding="utf-8"))["rows"]
    figures = {row["name"]: row["p50"] for row in stored}
    line = next(line for line in text.splitlines() if line.split()[:1] == ["ddim"])
    assert [float(number) for number in line.split()[1:]] == pytest.approx(
        [figures[f"latency diffusion ddim {n}"] for n in TIMED], rel=0.006
    )
    for one in PUBLISHED:
        assert one.source in text and one.where in text and f"{one.ms:g}" in text
