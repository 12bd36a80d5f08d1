"""The drawing pad without a browser: what it takes, what it refuses, what it saves."""

import json
import os

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from traitlets import TraitError

from dilviz.errors import InputError
from dilviz.show.pad import DrawingPad, disc, dots, path

PAIRS = st.lists(st.tuples(st.floats(-2, 3), st.floats(5, 7)), max_size=11)
BACKGROUND = [disc("tree", 0.5, 0.5, 0.25), path("expert", np.array([[0, 0], [0.5, 1]])), dots("data", [[1, 2]])]


def test_points_are_read_as_an_array():
    pad = DrawingPad(points=[[0, 1], [0.25, 0.5], [1, 0]])
    assert pad.predicted().dtype == np.float64
    np.testing.assert_array_equal(pad.predicted(), [[0, 1], [0.25, 0.5], [1, 0]])
    assert DrawingPad().predicted().shape == (0, 2)


def test_strokes_are_read_as_arrays():
    pad = DrawingPad(strokes=[[[0, 0], [1, 1]], [[0, 1], [0.5, 0.5], [1, 0]]])
    assert [stroke.shape for stroke in pad.drawn()] == [(2, 2), (3, 2)]


@pytest.mark.parametrize(
    "make",
    [
        np.array,
        torch.tensor,
        lambda x: torch.tensor(x, dtype=torch.float32, requires_grad=True),
        lambda x: tuple(map(tuple, x)),
    ],
)
def test_arrays_become_plain_lists(make):
    pad = DrawingPad(points=make([[0.0, 1.0], [0.5, 0.5]]), strokes=[make([[0, 1], [1, 0]])])
    assert pad.points == [[0.0, 1.0], [0.5, 0.5]]
    assert type(pad.points[0][0]) is type(pad.strokes[0][0][0]) is float


def test_two_pads_share_nothing():
    DrawingPad().points.append([0, 0])
    assert DrawingPad().points == []


@given(PAIRS, st.lists(PAIRS, max_size=5), st.sampled_from(["points", "strokes"]))
def test_a_saved_pad_loads_again(tmp_path_factory, points, strokes, mode):
    file = tmp_path_factory.mktemp("pad") / "drawing.json"
    pad = DrawingPad(points=points, strokes=strokes, mode=mode, x_range=(-2, 3), y_range=(5, 7), background=BACKGROUND)
    pad.reveal(dots("noise", [[0, 6]] * 3), join=True, caption="mean distance 0.12 – half a step")
    pad.save(file)
    again = DrawingPad.load(file)
    for name in pad._saved():
        assert getattr(again, name) == getattr(pad, name), name
    np.testing.assert_array_equal(again.predicted(), pad.predicted())
    assert [entry.name for entry in file.parent.iterdir()] == ["drawing.json"]


@pytest.mark.parametrize(
    "bad",
    [[[np.nan, 0]], [[np.inf, 0]], [1, 2], [[1, 2, 3]], [[1], [1, 2]], "ab", 3, None, [["0", "1"]], [[True, False]],
     [torch.ones(2, requires_grad=True)] * 2],
)  # fmt: skip
def test_points_that_are_none_are_refused(bad):
    with pytest.raises(InputError, match="points takes finite"):
        DrawingPad(points=bad)
    with pytest.raises(InputError, match="strokes takes"):
        DrawingPad(strokes=[bad])


def test_a_point_off_the_pad_is_refused_and_the_drawing_stays():
    pad = DrawingPad(points=[[0.5, 0.5]])
    with pytest.raises(InputError, match=r"\(2.0, 0.5\) lies off the pad.*x 0.0 to 1.0"):
        pad.points = [[2, 0.5]]
    with pytest.raises(InputError, match="off the pad"):
        pad.strokes = [[[0, 0], [0, -1]]]
    with pytest.raises(InputError, match="off the pad"):
        pad.x_range = (0.6, 1)
    assert (pad.points, pad.strokes, pad.x_range) == ([[0.5, 0.5]], [], [0.0, 1.0])
    assert DrawingPad(points=[[2, 0.5]], x_range=(1, 3)).points == [[2.0, 0.5]]


def test_more_points_than_the_pad_takes_are_refused():
    pad = DrawingPad(points=[[0, 0], [1, 1]], max_points=2)
    with pytest.raises(InputError, match="3 points are more than max_points, 2"):
        pad.points = [[0, 0]] * 3
    with pytest.raises(InputError, match="2 points are more than max_points, 1"):
        pad.max_points = 1
    assert (len(pad.points), pad.max_points) == (2, 2)
    with pytest.raises(InputError, match="101 points are more than max_points, 100"):
        DrawingPad(points=[[0, 0]] * 101)
    assert len(DrawingPad(points=[[0, 0]] * 101, max_points=101).points) == 101


def test_a_name_that_a_pad_does_not_have_is_refused():
    with pytest.raises(InputError, match=r"a pad has no 'point'; choose from background, .*points"):
        DrawingPad(point=[[0, 0]])
    assert DrawingPad(layout={"width": "50%"}).layout.width == "50%"


@pytest.mark.parametrize("bad", [(1, 0), (1, 1), (0, np.nan), 3, (0, 1, 2), "01"])
def test_ranges_that_are_none_are_refused(bad):
    with pytest.raises(InputError, match="y_range takes finite"):
        DrawingPad(y_range=bad)


@pytest.mark.parametrize(
    "bad",
    [[{"kind": "disc"}], [3], "disc", {"kind": "dots"}, [dots("king", [])], [disc("tree", 0, np.nan, 1)],
     [disc("tree", 0, 0, -1)], [disc("tree", 0, 0, None)], [dots("data", [1, 2])],
     [disc("tree", 0, 0, 10**400)], [dots(["tree"], [])],
     [dots("data", []) | {"kind": np.zeros(2)}]],
)  # fmt: skip
def test_shapes_that_are_none_are_refused(bad):
    with pytest.raises(InputError, match="background"):
        DrawingPad(background=bad)


@pytest.mark.parametrize("bad", [{"mode": "lines"}, {"max_points": 0}, {"width": -3}, {"label": 3}])
def test_other_traits_are_typed(bad):
    with pytest.raises(TraitError, match=next(iter(bad))):
        DrawingPad(**bad)


def test_the_truth_is_laid_over_and_joined():
    pad = DrawingPad(points=[[0, 0], [1, 1]])
    pad.reveal(dots("noise", [[0, 0.5], [1, 0.5], [0.5, 0.5]]), join=True, caption="mean distance 0.5")
    assert [shape["kind"] for shape in pad.truth] == ["join", "join", "dots"]
    assert pad.truth[1]["points"] == [[1.0, 1.0], [1.0, 0.5]]
    assert pad.caption == "mean distance 0.5"


def test_another_prediction_lifts_the_truth():
    pad = DrawingPad(points=[[0, 0]])
    pad.reveal(dots("noise", [[0, 0.5]]), caption="mean distance 0.5")
    pad.points = [[0, 0.5]]
    assert (pad.truth, pad.caption) == ([], "")


def test_one_line_says_how_much_is_drawn():
    assert repr(DrawingPad()) == "DrawingPad: 0 points, 0 strokes"
    pad = DrawingPad(points=[[0, 0]], strokes=[[[0, 0], [1, 1]]])
    assert repr(pad) == "DrawingPad: 1 point, 1 stroke"
    assert pad._repr_mimebundle_()[0]["text/plain"] == repr(pad)


def saved(folder):
    file = folder / "drawing.json"
    DrawingPad(points=[[0, 0]]).save(file)
    return file


@pytest.mark.parametrize("length", [0, 1, 40, -1])
def test_a_truncated_drawing_is_refused(tmp_path, length):
    file = saved(tmp_path)
    file.write_text(file.read_text()[:length])
    with pytest.raises(InputError, match=r"drawing\.json is no drawing"):
        DrawingPad.load(file)


@pytest.mark.parametrize(
    "change",
    [{"format": "else"}, {"points": [[float("nan"), 0]]}, {"mode": "lines"}, {"crown": 1}, {"points": [[9, 9]]}],
)
def test_a_foreign_drawing_is_refused(tmp_path, change):
    file = saved(tmp_path)
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InputError, match="is no drawing"):
        DrawingPad.load(file)


@pytest.mark.parametrize("content", [b"[]", b"3", b"\xff\xfe\x00", b"PK\x03\x04", b"{}"])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match="is no drawing"):
        DrawingPad.load(tmp_path / "x")


def test_a_missing_drawing_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        DrawingPad.load(tmp_path / "none.json")


def test_a_failed_write_leaves_the_old_drawing(tmp_path, monkeypatch):
    file = saved(tmp_path)
    before = file.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        DrawingPad(points=[[1, 1]]).save(file)
    assert file.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["drawing.json"]


def test_a_folder_that_is_not_there_is_made(tmp_path):
    DrawingPad(points=[[1, 1]]).save(tmp_path / "nowhere" / "drawing.json")
    assert DrawingPad.load(tmp_path / "nowhere" / "drawing.json").points == [[1, 1]]
    with pytest.raises(InputError, match=r"else\.json cannot be written"):
        DrawingPad().save(tmp_path / "nowhere" / "drawing.json" / "else.json")


def test_a_file_nested_without_end_is_refused(tmp_path):
    (tmp_path / "x").write_text("[" * 200_000)
    with pytest.raises(InputError, match="is no drawing"):
        DrawingPad.load(tmp_path / "x")


def test_a_pad_of_a_subclass_loads_as_a_plain_one(tmp_path):
    class Marked(DrawingPad):
        def __init__(self):
            super().__init__(max_points=3)

    pad = Marked()
    pad.points = [[0, 0]]
    pad.save(tmp_path / "x")
    again = Marked.load(tmp_path / "x")
    assert isinstance(again, DrawingPad) and not isinstance(again, Marked)
    assert (again.points, again.max_points) == ([[0, 0]], 3)
