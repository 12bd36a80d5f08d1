"""The player: what it is told, how films are made small, and how it plays in a real browser under its page's policy."""

import base64
import builtins
import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image, features

from dilviz.envs.fork import FORK
from dilviz.errors import InputError, MissingExtra
from dilviz.imitation import rollout
from dilviz.imitation.learners import WEIGHTS
from dilviz.show import theme
from dilviz.show.embed import page
from dilviz.show.landing import LandingPlayer, landing_data
from dilviz.show.live.films import BUDGET, SIZES, Film, encoded, record, replay
from dilviz.show.live.player import LivePlayer
from dilviz.show.live.recordings import Craft, Shape, Track, films, recording, walks
from dilviz.show.players import WALKS, player_from, player_of
from dilviz.tasks import TASKS, shipped

FORK_TASK, LANDER = TASKS["fork"], TASKS["lander"]
HOSTILE = "</script><img src=x onerror=\"document.title='caught'\"><b>&\"'"


class Straight:
    """Walks into the tree."""

    obs_horizon = 1

    def act(self, observations, generator=None):
        return torch.tensor([0.0, 1.0]).expand(len(observations), 1, 2)


@pytest.fixture(scope="module")
def episodes():
    expert, seeds = FORK_TASK.expert(), range(6)
    return {"expert": rollout(expert, FORK_TASK, seeds), "cloning": rollout(Straight(), FORK_TASK, [5])}


@pytest.fixture(scope="module")
def walked(episodes):
    return walks(episodes, background=[Shape("disc", [[0.5, 0.5]], "tree", 0.25, "tree")])


def tints(*colors, size=(30, 50)):
    """Frames of one colour each, (H, W, 3)."""
    return [np.broadcast_to(np.array(color, np.uint8), (*size, 3)).copy() for color in colors]


def picture(uri):
    kind, text = re.fullmatch(r"data:image/(webp|png);base64,(.+)", uri).groups()
    with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as opened:
        assert opened.format.lower() == kind
        return np.asarray(opened.convert("RGB"))


# --- walks


def test_walks_are_what_was_seen_and_say_what_came_of_it(episodes, walked):
    tracks = walked["tracks"]
    assert [track["role"] for track in tracks] == ["expert"] * 6 + ["cloning"]
    np.testing.assert_allclose(tracks[1]["places"], episodes["expert"].path(1), atol=6e-5)
    assert [track["label"] for track in tracks] == ["expert", *[""] * 5, "cloning"]
    assert (tracks[6]["ends"], tracks[6]["failed"], tracks[0]["failed"]) == ("fails", True, False)
    assert walked["last"] == max(len(track["places"]) for track in tracks) - 1
    assert walked["rate"] == pytest.approx(walked["last"] / 6)
    left = int((episodes["expert"].mode == "left").sum())
    assert 0 < left < 6
    assert walked["caption"] == f"expert: {left} left, {6 - left} right; cloning: fails."


def test_places_may_be_computed_from_what_was_seen(episodes):
    turned = walks(episodes, places=lambda seen: seen[:, ::-1] * [2, 1], rate=10, caption="Turned.")
    path = episodes["cloning"].path(0)
    np.testing.assert_allclose(turned["tracks"][6]["places"], path[:, ::-1] * [2, 1], atol=6e-5)
    assert (turned["rate"], turned["caption"]) == (10, "Turned.")
    (left, right), (low, high) = turned["x"], turned["y"]
    every = np.concatenate([track["places"] for track in turned["tracks"]])
    assert left < every[:, 0].min() and every[:, 0].max() < right and low < every[:, 1].min()
    assert every[:, 1].max() < high


def track(n=3, role="expert", **more):
    return Track(role, [[float(k), 0.0] for k in range(n)], role, **more)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda e: walks({}), "what is played has no role; name each by one of diffusion"),
        (lambda e: walks({"zork": e}), "what is played has zork; name each by one of"),
        (lambda e: films({"zork": tints((1, 2, 3))}), "what is played has zork"),
        (lambda e: walks({"expert": e}, places=lambda seen: seen[:, :1]), r"shape \(\d+, 1\); give \(\d+, 2\)"),
        (lambda e: recording([]), "there are 0 walks of 0 steps in all; give 1 to 64"),
        (lambda e: recording([track()] * 65), "there are 65 walks"),
        (lambda e: recording([track(20_001)]), "1 walks of 20001 steps"),
        (lambda e: recording([Track("expert", [[0.0, float("nan")]])]), "no finite number"),
        (lambda e: recording([track()], rate=0), "rate is 0; give steps a second, above 0"),
        (lambda e: recording([track()], rate=float("nan")), "rate is nan; give steps a second"),
        (lambda e: recording([track()], rate="x"), "rate is 'x'; give steps a second"),
        (lambda e: recording([Track("expert", [[0, 0], [1]])]), r"places is \[\[0, 0\], \[1\]\]; give x and y before"),
        (lambda e: recording([Track("expert", [])]), r"places is \[\]; give x and y before each step and after"),
        (lambda e: recording([track()], craft=Craft([], [], [], 1)), "give x, y and the angle before each step"),
        (lambda e: recording([track(role="zork")]), "what is played has zork; name each by one of"),
        (lambda e: recording([track()], [Shape("disc", [[0, 0]], "zork")]), "what is played has expert, zork;"),
        (lambda e: recording([track()], bounds=((0, 0), (0, 0))), r"bounds is .*; give \(low, high\) of x and of y"),
        (lambda e: recording([track()], bounds="x"), "bounds is 'x'; give"),
        (lambda e: walks({"expert": "x"}), "expert has 'x'; give what `rollout` has recorded"),
        (lambda e: LivePlayer(), "scene is {}; give what `walks`, `recording` or `films` has made"),
        (lambda e: LivePlayer("x"), "scene is 'x'; give what"),
        (lambda e: LivePlayer({}), "scene is {}; give what"),
        (lambda e: setattr(LivePlayer(recording([track()])), "scene", {"tracks": []}), "scene is {'tracks': .*}; give"),
        (lambda e: films({"expert": []}), "frames of no shape"),
        (lambda e: films({"expert": [np.zeros((3, 4), np.uint8)]}), r"frames of \(3, 4\) shape"),
        (lambda e: films({"expert": [np.zeros((3, 4, 3))]}), "frames are no bytes"),
        (lambda e: films({"expert": [*tints((0, 0, 0)), *tints((0, 0, 0), size=(3, 5))]}), "all \\(H, W, 3\\)"),
        (lambda e: record(Straight(), FORK_TASK, 0), "task 'fork' draws no pictures; play its episodes as walks"),
        (lambda e: player_of(shipped("fork", "cloning"), "lander"), "sees 2 numbers and gives 2; it is none of lander"),
        (lambda e: player_of(task="zork"), "task 'zork' is unknown"),
        (lambda e: LivePlayer(recording([track()]), at=-1), "at is -1; give a whole number from 0"),
        (lambda e: LivePlayer(recording([track()]), playing=2), "playing is 2; take one of False, True"),
        (lambda e: LivePlayer(recording([track()]), seed=2), "player has no 'seed'; choose from at, playing"),
    ],
)
def test_what_cannot_be_played_is_refused_in_one_sentence(episodes, call, says):
    with pytest.raises(InputError, match=says):
        call(episodes["expert"])


# --- films


def test_frames_come_back_in_their_order_size_and_colours():
    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    [film] = encoded([tints(*colors)])
    assert film["steps"] == [0, 1, 2]
    for uri, color in zip(film["frames"], colors, strict=True):
        shown = picture(uri)
        assert shown.shape == (30, 50, 3)  # what is small is not blown up
        assert np.abs(shown.astype(int) - color).max() < 25


def test_what_is_large_is_made_small_in_its_own_shape():
    [film] = encoded([tints((9, 9, 9), size=(700, 1000))])
    wide = SIZES[0][0]
    assert picture(film["frames"][0]).shape == (round(wide * 0.7), wide, 3)


def test_films_keep_the_budget_with_their_first_and_last_frames():
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (90, 120, 3), np.uint8) for _ in range(97)]  # what no encoder makes small
    short = noise[:5]
    made = encoded([noise, short], budget=300_000)
    assert sum(len(uri) for film in made for uri in film["frames"]) <= 300_000
    assert [(film["steps"][0], film["steps"][-1]) for film in made] == [(0, 96), (0, 4)]
    assert 1 < len(made[0]["frames"]) < 97
    assert made[0]["steps"] == sorted(set(made[0]["steps"]))
    with pytest.raises(InputError, match="2 films do not fit into 1,000 characters"):
        encoded([noise, short], budget=1_000)


def test_without_webp_a_palette_does(monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    [film] = encoded([tints((200, 30, 30), (30, 30, 200))])
    assert all(uri.startswith("data:image/png;") for uri in film["frames"])
    assert picture(film["frames"][1])[0, 0].tolist() == [30, 30, 200]


def test_without_pillow_one_sentence_names_it(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "PIL":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match="films are encoded by Pillow: pip install pillow"):
        films({"expert": tints((1, 2, 3))})


def test_films_say_how_long_they_are_and_how_they_end():
    shown = films({"expert": Film(tints((0, 0, 0), (9, 9, 9)), "lands"), "cloning": tints((0, 0, 0))})
    assert [film["ends"] for film in shown["films"]] == ["lands", ""]
    assert (shown["last"], shown["size"], shown["caption"]) == (1, [50, 30], "expert: lands; cloning.")


@pytest.fixture(scope="module")
def filmed():
    pytest.importorskip("Box2D")
    return record(LANDER.expert(), LANDER, 7)


def test_a_rollout_is_filmed_as_it_was(filmed):
    expert = rollout(LANDER.expert(), LANDER, [7])
    assert len(filmed.frames) == expert.lengths[0] + 1
    assert filmed.frames[0].shape == (400, 600, 3)
    assert filmed.ends == "succeeds"
    assert not np.array_equal(filmed.frames[0], filmed.frames[-1])
    with pytest.raises(InputError, match="seed 7 lead elsewhere in lander"):
        replay(replace(expert, actions=-expert.actions), LANDER)


def test_a_page_of_two_films_keeps_its_budget(filmed):
    player = LivePlayer(films({"expert": filmed, "diffusion": filmed}))
    assert sum(len(uri) for film in player.scene["films"] for uri in film["frames"]) <= BUDGET
    assert len(page(player)) < 300_000


# --- the still, and the factory


def still_of(player):
    return ElementTree.fromstring(player.still())


def test_the_still_shows_each_walk_in_its_look(walked):
    text = LivePlayer(walked).still()
    assert len(text) < 10_000 and "style=" not in text
    svg = ElementTree.fromstring(text)
    lines = svg.findall("{*}polyline")
    looks = [theme.ROLES[track["role"]] for track in walked["tracks"]]
    assert [line.get("stroke") for line in lines] == [look.color for look in looks]
    assert [line.get("stroke-dasharray") for line in lines] == ["1.5 3.5"] * 6 + ["8 5"]
    assert [node.text for node in svg.findall("{*}text")] == ["tree", "expert", "cloning: fails"]
    assert svg.find("{*}title").text == walked["caption"]


def test_the_still_of_films_is_their_end():
    player = LivePlayer(films({"expert": Film(tints((0, 0, 0), (250, 250, 250)), "lands")}))
    [image] = still_of(player).findall("{*}image")
    assert picture(image.get("href")).min() > 240


def test_hostile_words_are_inert_in_the_still():
    player = LivePlayer(recording([replace(track(), label=HOSTILE, ends=HOSTILE)], caption=HOSTILE))
    svg = still_of(player)
    assert {node.tag.split("}")[1] for node in svg.iter()} == {"svg", "title", "polyline", "circle", "text"}
    assert svg.find("{*}title").text == HOSTILE


def test_the_player_of_the_course_is_a_light_page():
    pytest.importorskip("Box2D")
    player = player_of()
    assert isinstance(player, LandingPlayer) and player.playing
    assert [one["role"] for one in player.scene["tracks"]] == ["diffusion", "expert"]
    assert len(page(player)) < 100_000


def test_the_player_of_a_checkpoint_shows_its_own_task(tmp_path):
    shipped("fork", "cloning").save(tmp_path / WEIGHTS, {"task": "fork"})
    shown = player_from(tmp_path / WEIGHTS, playing=False).scene
    assert [track["role"] for track in shown["tracks"]] == ["cloning"] * WALKS + ["expert"] * WALKS
    tree, goal = shown["background"]
    assert (tree["points"][0], tree["radius"]) == (FORK.tree.tolist(), 0.25)
    assert goal["points"][0] == FORK.goal.tolist()
    assert "cloning: " in shown["caption"]


def test_where_the_scene_varies_the_tree_stands_where_it_was_seen():
    shown = player_of(shipped("fork-moving", "cloning"), "fork-moving", seed=3).scene
    first = rollout(TASKS["fork-moving"].expert(), TASKS["fork-moving"], [3]).observations[0]
    tree, goal = shown["background"]
    np.testing.assert_allclose([*tree["points"][0], tree["radius"], *goal["points"][0]], first[2:], atol=1e-6)
    assert len(shown["tracks"]) == 2


def test_a_task_with_a_camera_is_filmed(monkeypatch):
    pytest.importorskip("Box2D")
    monkeypatch.setitem(TASKS, "other", replace(LANDER, name="other"))
    shown = player_of(shipped("lander", "cloning"), "other").scene
    assert [film["role"] for film in shown["films"]] == ["cloning", "expert"]


# --- in a browser, under the page's own policy

HELPERS = """
const root = document.querySelector('.dilviz-live');
const [canvas, scrub, play] = ['canvas', '.time input', '.play'].map((what) => root.querySelector(what));
const at = () => Number(scrub.value);
const frames = (n) => new Promise((done) => requestAnimationFrame(() => (n > 1 ? frames(n - 1).then(done) : done())));
const pixel = (x, y) => {  // in parts of the canvas
  const copy = document.createElement('canvas');
  copy.width = copy.height = 1;
  copy.getContext('2d').drawImage(canvas, -Math.floor(x * canvas.width), -Math.floor(y * canvas.height));
  return [...copy.getContext('2d').getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const print = () => canvas.toDataURL();
"""


LOWEST = """
window.low = Infinity;
const look = () => {
  low = Math.min(low, at());
  requestAnimationFrame(look);
};
play.click();
look();
"""


class Page:
    """A player's page in a browser."""

    def __init__(self, browser, player, folder, state="", **options):
        file = folder / "player.html"
        file.write_bytes(page(player))
        self.context = browser.new_context(viewport={"width": 700, "height": 700}, **options)
        self.page = self.context.new_page()
        self.said = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(f"file://{file}{state}")
        self.page.locator(".dilviz-live canvas").wait_for()
        self.scrub = self.page.get_by_role("slider", name="time")
        self.button = self.page.locator(".play")

    def see(self, expression, arg=None):
        return self.page.evaluate(f"async (arg) => {{ {HELPERS}; return {expression}; }}", arg)

    def wait(self, expression, arg=None):
        self.page.wait_for_function(f"(arg) => {{ {HELPERS}; return {expression}; }}", arg=arg)

    def hash(self):
        return self.page.evaluate("location.hash")


@pytest.fixture
def opened(browser, tmp_path):
    pages = []

    def show(player, state="", **options):
        pages.append(Page(browser, player, tmp_path, state, **options))
        return pages[-1]

    yield show
    for one in pages:
        one.context.close()
        assert one.said == []


@pytest.fixture(scope="module")
def flags():
    """Two films: one turns from red to green half-way, the other is blue and ends before that."""
    red, green, blue = (220, 0, 0), (0, 160, 0), (0, 0, 220)
    return films({"expert": tints(*[red] * 20, *[green] * 20), "cloning": Film(tints(*[blue] * 9), "ends")}, rate=20)


def test_it_plays_by_itself_and_begins_anew(opened, walked):
    shown = opened(LivePlayer(walked))
    shown.wait("at() > 3")
    assert shown.button.get_attribute("aria-label") == "Pause"
    shown.page.get_by_role("combobox", name="speed").select_option("4")
    shown.scrub.fill(str(walked["last"]))
    shown.button.click()  # at the end it means anew
    shown.wait("at() > 0 && at() < arg", walked["last"] / 2)
    shown.wait("at() === arg", walked["last"])
    shown.wait("at() < arg", walked["last"])  # the loop
    assert shown.page.locator(".status").inner_text() == walked["caption"]


def test_a_pause_holds_the_picture_and_its_address_brings_it_back(opened, walked):
    shown = opened(LivePlayer(walked))
    shown.wait("at() > 5")
    shown.button.click()
    step = shown.see("at()")
    still = shown.see("frames(3).then(print)")
    assert shown.see("frames(5).then(print)") == still
    shown.page.wait_for_function("() => location.hash !== ''")
    assert shown.hash() == f"#at={step}&playing=false"
    again = opened(LivePlayer(walked), shown.hash())
    again.wait("at() === arg && play.ariaLabel === 'Play'", step)
    assert again.page.locator(".time .value").inner_text() == f"step {step} of {walked['last']}"


def test_a_scrub_moves_all_in_step(opened, walked):
    shown = opened(LivePlayer(walked, playing=False, at=0))
    pictures = set()
    for step in (0, 7, walked["last"]):
        shown.scrub.fill(str(step))
        shown.wait("at() === arg", step)
        pictures.add(shown.see("frames(2).then(print)"))
        assert shown.scrub.get_attribute("aria-valuetext") == f"step {step} of {walked['last']}"
    assert len(pictures) == 3


def test_films_lie_side_by_side_and_change_in_step(opened, flags):
    shown = opened(LivePlayer(flags), "#at=1&playing=false")
    near = "([x, y], want) => Math.max(...pixel(x, y).map((v, k) => Math.abs(v - want[k]))) < 30"
    shown.wait(f"({near})([0.25, 0.5], [220, 0, 0]) && ({near})([0.75, 0.5], [0, 0, 220])")
    shown.scrub.fill("39")
    shown.wait(f"({near})([0.25, 0.5], [0, 160, 0]) && ({near})([0.75, 0.5], [0, 0, 220])")


def test_keys_do_what_the_mouse_does(opened, walked):
    shown = opened(LivePlayer(walked, playing=False))
    shown.scrub.focus()
    shown.scrub.press("Home")
    shown.scrub.press("ArrowRight")
    assert shown.see("at()") == 1
    shown.scrub.press(" ")
    shown.wait("play.ariaLabel === 'Pause' && at() > 3")
    shown.scrub.press(" ")
    shown.wait("play.ariaLabel === 'Play'")
    shown.button.press("Enter")
    shown.wait("play.ariaLabel === 'Pause'")


def test_one_that_waits_shows_a_glimpse_and_then_plays_from_the_start(opened, walked):
    shown = opened(LivePlayer(walked, playing=False, at=0))
    shown.wait("at() === arg", walked["glimpse"])
    assert shown.see("frames(5).then(at)") == walked["glimpse"]
    shown.page.evaluate(f"() => {{ {HELPERS}; {LOWEST} }}")
    shown.wait("low < 3 && at() > 3")


def test_who_wants_calm_gets_it(opened, walked):
    shown = opened(LivePlayer(walked), reduced_motion="reduce")
    shown.wait("at() === arg && play.ariaLabel === 'Play'", walked["glimpse"])
    still = shown.see("frames(3).then(print)")
    assert shown.see("frames(5).then(print)") == still


def test_out_of_view_it_pauses(opened, walked):
    shown = opened(LivePlayer(walked))
    shown.wait("at() > 1")
    shown.page.evaluate("document.body.style.paddingTop = '3000px'; scrollTo(0, 0)")
    shown.page.wait_for_function(
        "() => new Promise((done) => new IntersectionObserver(([e], o) => { o.disconnect(); done(!e.isIntersecting) })"
        ".observe(document.querySelector('.dilviz-live')))"
    )
    held = shown.see("frames(3).then(at)")
    assert shown.see("frames(10).then(at)") == held
    shown.page.evaluate("scrollTo(0, 9999)")
    shown.wait("at() !== arg", held)


def test_hostile_words_are_inert(opened):
    shown = opened(
        LivePlayer(
            recording(
                [replace(track(30), label=HOSTILE, ends=HOSTILE)],
                [Shape("disc", [[1, 0]], "tree", 1, HOSTILE)],
                caption=HOSTILE,
            )
        ),
        "#at=29&playing=false",
    )
    shown.page.locator(".words", has_text="onerror").wait_for()
    assert shown.page.locator(".words").inner_text() == HOSTILE
    assert shown.page.locator("img, b").count() == 0
    assert shown.page.title() != "caught"


# Scrubs through everything; the labels that meet a label or a lander, or leave the picture.
CROWDS = """([scene, width]) => {
  const { boxAround, crowded, heightOf, makeFrame, marksAt, placeLabels } = dilviz;
  const [height, found] = [heightOf(scene, width), []];
  const frame = makeFrame({ left: 0, top: 0, width, height }, scene.x, scene.y);
  const [page, avoid] = [{ left: 0, right: width, top: 0, low: height }, crowded(scene, frame)];
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5
    && Math.min(a.low, b.low) - Math.max(a.top, b.top) > 0.5;
  let boxes = [];
  for (let step = 0; step <= scene.last; step++) {
    const marks = marksAt(scene, frame, step, (text) => 7.2 * text.length);
    boxes = placeLabels(marks, page, avoid, boxes);
    const hulls = marks.map(({ x, y, radius }) => boxAround(x, y, 1.2 * radius, 1.2 * radius));
    boxes.forEach((box, k) => {
      if (boxes.some((other, j) => j > k && meet(box, other))) found.push([step, k, "label"]);
      if (hulls.some((hull) => meet(box, hull))) found.push([step, k, "lander"]);
      if (Math.max(-box.left, box.right - width, -box.top, box.low - height) > 2) found.push([step, k, "out"]);
    });
  }
  return found;
}"""


@pytest.mark.parametrize("width", [920, 344])
def test_labels_keep_clear_of_each_other_and_of_the_landers(browser, width):
    pytest.importorskip("Box2D")
    from live import load

    both = {"expert": LANDER.expert(), **{name: shipped("lander", name) for name in ("diffusion", "cloning")}}
    module = load(browser, "player_layout.js", "stage.js")
    for seed in (0, 7):
        scene = LandingPlayer(landing_data(seed, both)).scene
        assert module.evaluate(CROWDS, [json.loads(json.dumps(scene)), width]) == []
    module.close()
