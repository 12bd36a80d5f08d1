"""The picture of a comparison: its means and intervals are those of the rows, and every learner is named."""

import itertools
import json

import numpy as np
import pytest
from scipy import stats

from dilviz.errors import InputError
from dilviz.imitation.learners import LEARNERS
from dilviz.show.compared import ComparedExplorer, compared_figure
from dilviz.show.measured import (
    MEASURES,
    SUCCESS,
    ComparedData,
    Curve,
    compared_data,
    compared_rows,
    describe_compared,
    reached,
)


def row(policy, demos, seed, rate, **more):
    made = {"policy": policy, "demos": demos, "train_seed": seed, "success_rate": rate}
    return made | {"return_mean": 300 * rate - 200, "latency_ms": 0.1} | more


@pytest.fixture(scope="module")
def fork():
    return compared_rows("compare_fork")


def trace(figure, name):
    (found,) = (each for each in figure.data if each.name == name)
    return found


@pytest.mark.parametrize("measure", MEASURES)
def test_what_is_drawn_are_the_means_and_the_intervals_of_the_rows(fork, measure):
    key, scale = {
        "success": ("success_rate", 100),
        "mean return": ("return_mean", 1),
        "ms a chunk": ("latency_ms", 1),
    }[measure]
    figure = compared_figure(compared_data(fork, measure))
    counts = sorted({each["demos"] for each in fork})
    for learner in {each["policy"] for each in fork}:
        drawn = trace(figure, learner)
        tried = [n for n in counts if any(each["policy"] == learner and each["demos"] == n for each in fork)]
        for k, demos in enumerate(tried):
            values = [scale * each[key] for each in fork if (each["policy"], each["demos"]) == (learner, demos)]
            half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
            most = 100 if measure == SUCCESS else np.inf
            least = 0 if measure != "mean return" else -np.inf
            assert drawn.y[k] == pytest.approx(np.mean(values))
            assert drawn.y[k] + drawn.error_y.array[k] == pytest.approx(min(np.mean(values) + half, most))
            assert drawn.y[k] - drawn.error_y.arrayminus[k] == pytest.approx(max(np.mean(values) - half, least))
        beside = np.abs(np.log10(np.array(drawn.x)[:, None] / counts)).argmin(1)
        assert [counts[n] for n in beside] == tried  # spread sideways, but nearest to its own number


def test_a_single_training_has_no_bar_and_no_brackets():
    rows = [row("cloning", 10, 0, 0.4), row("cloning", 50, 0, 0.6), row("mdn", 10, 0, 0.7), row("mdn", 50, 0, 0.8)]
    data = compared_data(rows)
    for learner in ("cloning", "mdn"):
        bar = trace(compared_figure(data), learner).error_y
        assert not np.any(bar.array) and not np.any(bar.arrayminus)
    assert "(" not in describe_compared(data) and "interval" not in describe_compared(data)
    several = compared_data([*rows, row("cloning", 10, 1, 0.5)])
    assert np.all(trace(compared_figure(several), "cloning").error_y.array[:1] > 0)
    assert "(" in describe_compared(compared_data([*rows, row("mdn", 10, 1, 0.1)], learner="mdn"))


@pytest.mark.parametrize("measure", MEASURES)
def test_every_name_stands_beyond_the_end_of_its_line_and_on_no_other(fork, measure):
    data = compared_data(fork, measure)
    figure = compared_figure(data)
    log, heights = MEASURES[measure].log, []
    for learner, curve in data.curves.items():
        name = trace(figure, f"{learner}'s name")
        assert name.text[-1].strip() == learner
        assert name.x[0] == trace(figure, learner).x[-1] < name.x[-1] and name.y[0] == curve.mean[-1]
        heights.append(np.log10(name.y[-1]) if log else name.y[-1])
    low, high = figure.layout.yaxis.range
    assert np.diff(sorted(heights)).min() > 0.045 * (high - low)  # a line of text


def test_a_line_that_ends_early_is_named_where_it_ends():
    rows = [row("cloning", n, 0, 0.5) for n in (2, 5, 50)] + [row("dagger", n, 0, 0.5) for n in (2, 5)]
    figure = compared_figure(compared_data(rows))
    assert 5 < trace(figure, "dagger's name").x[-1] < 10
    assert 50 < trace(figure, "cloning's name").x[-1] < 100


def test_learners_of_one_colour_differ_by_dash_or_mark():
    rows = [row(name, n, 0, 0.5) for name in LEARNERS for n in (2, 5)]
    figure = compared_figure(compared_data(rows))
    looks = {name: trace(figure, name) for name in LEARNERS}
    for a, b in itertools.combinations(looks.values(), 2):
        assert a.line.color != b.line.color or (a.marker.symbol != b.marker.symbol and a.line.dash != b.line.dash)
    assert looks["cloning"].line.color == looks["dagger"].line.color != looks["diffusion"].line.color


def test_the_chosen_learner_is_bold_and_the_others_are_faint():
    explorer = ComparedExplorer()
    before = {each.name: each for each in explorer.figure.data}
    explorer.learner.value = "cloning"
    after = {each.name: each for each in explorer.figure.data}
    assert after["cloning"].line.width > before["cloning"].line.width
    assert after["cloning"].opacity == before["cloning"].opacity > after["diffusion"].opacity
    assert "<b>cloning</b>" in after["cloning's name"].text[-1]
    assert "<b>" not in after["diffusion's name"].text[-1]
    for name in before.keys() - {"ringed"}:
        np.testing.assert_array_equal(after[name].y, before[name].y)


def test_rings_are_around_the_best_or_around_the_learner_that_is_chosen(fork):
    rows = [row("cloning", 2, 0, 0.9), row("cloning", 5, 0, 0.5), row("mdn", 2, 0, 0.4), row("mdn", 5, 0, 0.8)]
    figure = compared_figure(compared_data(rows))
    assert trace(figure, "ringed").y == pytest.approx([90, 80])
    assert trace(figure, "ringed").x == pytest.approx([trace(figure, "cloning").x[0], trace(figure, "mdn").x[1]])
    assert trace(compared_figure(compared_data(rows, learner="mdn")), "ringed").y == pytest.approx([40, 80])
    times = compared_data(fork, "ms a chunk")
    quickest = [min(c.mean[c.demos == n][0] for c in times.curves.values() if n in c.demos) for n in times.counts]
    assert trace(compared_figure(times), "ringed").y == pytest.approx(quickest)


def test_the_axis_of_successes_is_fixed_and_ticks_are_the_numbers_of_demonstrations(fork):
    some = [row("cloning", n, 0, 0.5) for n in (3, 30)]
    for rows, counts in ((fork, [10, 50, 400]), (some, [3, 30])):
        layout = compared_figure(compared_data(rows)).layout
        assert list(layout.yaxis.range) == [0, 100]
        assert list(layout.xaxis.tickvals) == counts and layout.xaxis.type == "log"


def test_regression_loses_at_the_fork_the_more_it_is_shown(fork):
    data = compared_data(fork)
    for learner in ("cloning", "cloning-onestep"):
        curve = data.curves[learner]
        assert curve.high[-1] < curve.low[0]
        assert reached(curve) is None
    assert reached(data.curves["diffusion"]) == 10


def test_who_reaches_the_mark_is_said_with_the_fewest_that_were_tried():
    numbers = np.array([2, 5, 50])
    assert reached(Curve(numbers, np.array([90.0, 95.0, 99.0]), *np.zeros((2, 3)))) == 5
    assert reached(Curve(numbers, np.array([94.9, 90.0, 10.0]), *np.zeros((2, 3)))) is None
    rows = [row("cloning", 2, 0, 0.2), row("cloning", 5, 0, 1.0), row("dagger", 2, 0, 0.96), row("mdn", 5, 0, 0.97)]
    rows += [row("lookup", 2, 0, 0.1), row("lookup", 5, 0, 0.3)]
    said = describe_compared(compared_data(rows))
    assert (
        "95 % are reached by dagger with 2; by cloning and mdn (not tried with fewer) with 5; by lookup never" in said
    )
    assert describe_compared(compared_data(rows[:1])).endswith("Nobody reaches 95 %.")


def test_the_sentence_names_the_best_and_the_worst_and_equals_together():
    rows = [row("cloning", 2, 0, 0.2), row("mdn", 2, 0, 0.5), row("lookup", 2, 0, 0.5, latency_ms=0.3)]
    assert "best mdn and lookup, 50 %; worst cloning, 20 %" in describe_compared(compared_data(rows))
    assert "quickest cloning and mdn, 0.1 ms; slowest lookup, 0.3 ms" in describe_compared(
        compared_data(rows, "ms a chunk")
    )


def test_the_chosen_learner_s_figures_are_said():
    explorer = ComparedExplorer()
    explorer.learner.value = "cloning"
    (few, many) = (
        np.mean([100 * each["success_rate"] for each in compared_rows("compare_fork") if chosen(each, n)])
        for n in (10, 400)
    )
    said = repr(explorer)
    assert f"{few:.1f} % (" in said and f"{many:.1f} % (" in said and "with 400 demonstrations" in said
    assert "\n" not in said and said.startswith("ComparedExplorer(measure='success', learner='cloning')")


def chosen(row, demos):
    return row["policy"] == "cloning" and row["demos"] == demos


def test_what_is_unknown_is_refused_in_a_sentence(fork):
    with pytest.raises(InputError, match=r"measure 'speed' is unknown; take one of success, mean return, ms a chunk"):
        compared_data(fork, "speed")
    with pytest.raises(InputError, match=r"learner 'gail' is unknown; take one of all, diffusion, cloning"):
        compared_data(fork, learner="gail")
    with pytest.raises(InputError, match=r"results/no_such\.json is not in"):
        ComparedExplorer("no_such")
    with pytest.raises(InputError, match=r"fit_ladder\.json holds no rows of dilviz compare"):
        ComparedExplorer("fit_ladder")


def test_a_comparison_of_one_s_own_is_read_from_the_named_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("DILVIZ_ASSETS", str(tmp_path))
    (tmp_path / "results").mkdir()
    rows = [row("cloning", n, seed, rate) for n, rate in ((2, 0.1), (200, 0.96)) for seed in range(2)]
    (tmp_path / "results" / "compare_own.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
    explorer = ComparedExplorer("compare_own")
    assert isinstance(explorer.data, ComparedData) and list(explorer.data.counts) == [2, 200]
    assert explorer.learner.options == ("all", "cloning")
