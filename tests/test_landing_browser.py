"""The lander player in a real JupyterLab: played, paused, scrubbed, slowed down, by mouse and by keys."""

from pathlib import Path

import nbformat
import pytest
from browser import Lab
from test_theme import contrast

from dilviz.show import landing

pytest.importorskip("Box2D")
CELL = """
import torch
from dilviz.show.landing import LandingExplorer
from dilviz.tasks import TASKS

class Falls:
    obs_horizon = 1
    def act(self, observations, generator=None):
        return torch.tensor([-1.0, 0.0]).expand(len(observations), 1, 2)

class Late(Falls):
    '''The expert, a little askew.'''
    def act(self, observations, generator=None):
        return (TASKS["lander"].expert().act(observations) + 0.1).clamp(-1, 1)

policies = {"expert": TASKS["lander"].expert(), "diffusion": Late(), "cloning": Falls()}
explorer = LandingExplorer(policies, seed=7)
explorer
"""
ASK = """async (code) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const asked = kernel.requestExecute({ code });
  let answer = "";
  asked.onIOPub = ({ header, content }) => { if (header.msg_type === "stream") answer += content.text; };
  await asked.done;
  return answer.trim();
}"""
# Plays so many frames of 16 ms with a clock of its own, and says how far it came.
FRAMES = """(() => {
  const real = window.requestAnimationFrame;
  let next = null;
  window.requestAnimationFrame = (callback) => { next = callback; return 1; };
  const start = performance.now();
  button.click();
  for (let k = 1; k <= arg; k++) next(start + 16 * k);
  window.requestAnimationFrame = real;
  button.click();
  return Number(slider.value);
})()"""
# Scrubs through everything; the labels that meet a label, meet a lander's hull, or leave the picture.
CROWDS = """(() => {
  const found = [];
  const svg = root.querySelector('svg').getBoundingClientRect();
  for (let step = 0; step <= Number(slider.max); step++) {
    slider.value = step;
    slider.dispatchEvent(new Event('input'));
    const labels = boxes('.labels > g');
    const hulls = boxes('.landers > g > polygon');
    labels.forEach((label, k) => {
      if (labels.some((other, j) => j > k && overlap(label, other))) found.push([step, k, 'label']);
      if (hulls.some((hull) => overlap(label, hull))) found.push([step, k, 'lander']);
      const out = Math.max(svg.left - label.left, label.right - svg.right, svg.top - label.top);
      if (out > 2) found.push([step, k, 'out']);
    });
  }
  return [found, Math.max(...boxes('.tools *').map((box) => box.right)) - svg.right];
})()"""
WIDE, TALL = 1100, 1400
CODE = Path(landing.__file__).with_suffix(".js").read_text(encoding="utf-8")
# Helpers for the page, in one text: what is seen, and the browser's frames one by one.
PAGE = """
const root = document.querySelector('.dilviz-landing');
const [slider, button] = [root.querySelector('[type=range]'), root.querySelector('button')];
const places = () => Object.fromEntries([...root.querySelectorAll('.landers > g')].map(
  (g) => [g.dataset.role, [g.dataset.x, g.dataset.y].map(Number)]));
const said = () => [...root.querySelectorAll('.labels > g')].map((g) => g.textContent);
const frames = (n) => new Promise((done) => requestAnimationFrame(() => (n > 1 ? frames(n - 1).then(done) : done())));
const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5
  && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5;
const boxes = (selector) => [...root.querySelectorAll(selector)].map((node) => node.getBoundingClientRect());
async function module(text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  return import(url);
}
"""


class Player:
    """The player on the page."""

    def __init__(self, notebook):
        self.page = notebook.page
        self.root = self.page.locator(".dilviz-landing")
        self.slider = self.root.get_by_role("slider", name="time")
        self.play = self.root.get_by_role("button", name="Play")
        self.pause = self.root.get_by_role("button", name="Pause")

    def see(self, expression, arg=None):
        """The value of an expression in the page, or what its promise comes to."""
        return self.page.evaluate(f"async (arg) => {{ {PAGE}; return {expression}; }}", arg)

    def wait(self, expression, arg=None):
        self.page.wait_for_function(f"(arg) => {{ {PAGE}; return {expression}; }}", arg=arg)

    def step(self):
        return int(self.slider.input_value())

    def last(self):
        return int(self.slider.get_attribute("max"))


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory):
    root = tmp_path_factory.mktemp("landings")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(source) for source in (CELL, "1 + 1")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / "landing.ipynb")
    with Lab(root) as lab:
        notebook = lab.open(browser, "landing.ipynb", width=WIDE, height=TALL)
        notebook.run_all()
        notebook.page.locator(".landers [data-role=cloning]").wait_for()
        yield notebook
        assert notebook.errors() == []


@pytest.fixture
def player(opened):
    """The player, paused at its start, at its own speed, on a wide page."""
    opened.page.set_viewport_size({"width": WIDE, "height": TALL})
    player = Player(opened)
    player.root.get_by_role("radio", name="1 times", exact=True).check(force=True)
    player.slider.press("Home")
    player.wait("slider.value === '0' && button.ariaLabel === 'Play'")
    return player


def test_the_first_frame_is_in_flight_with_whole_trails_and_waits(opened):
    """The first test of the file: nothing has touched the player yet."""
    player = Player(opened)
    assert 0 < player.step() < player.last() / 2
    ends = player.see("[...root.querySelectorAll('.trails polyline')].map((line) => line.points.numberOfItems)")
    whole, flown = ends[::2], ends[1::2]
    assert all(a > b > 10 for a, b in zip(whole, flown, strict=True))
    before = player.see("places()")
    assert all(0.2 < y < 1.5 for _, y in before.values())
    assert player.see("frames(4).then(places)") == before
    assert sorted(player.see("said()")) == ["cloning", "diffusion", "expert"]
    player.play.click()  # from the start, not from the glimpse
    player.wait("places().expert[1] > 1.3 || Number(slider.value) < 20")
    player.pause.click()


def test_play_moves_the_landers_and_pause_stops_them(player):
    start = player.see("places()")
    player.play.click()
    player.wait("Number(slider.value) > 20")
    player.pause.click()
    there = player.see("places()")
    assert all(there[role][1] != y for role, (_, y) in start.items())
    assert player.see("frames(5).then(places)") == there
    player.play.click()  # goes on from where it stood
    player.wait("Number(slider.value) > 40")
    player.pause.click()


def test_it_stops_at_the_end_with_the_verdicts_and_begins_anew(player):
    player.root.get_by_role("radio", name="4 times").check(force=True)
    player.slider.press("End")
    player.slider.press("PageDown")
    player.play.click()
    player.play.wait_for()  # Pause is Play again
    assert player.step() == player.last()
    assert any("crashed, return" in words for words in player.see("said()"))
    player.play.click()
    player.wait("Number(slider.value) < Number(slider.max) / 2")
    player.pause.click()


def test_a_scrub_to_the_end_shows_the_verdicts(player):
    assert all(" " not in words for words in player.see("said()"))
    player.slider.press("End")
    expert, diffusion, cloning = player.see("said()")
    assert expert.startswith("expertlanded, return 2")
    assert diffusion.startswith("diffusion")
    assert cloning.startswith("cloningcrashed, return −")
    seconds = f"{player.last() / landing.STEPS_PER_SECOND:.1f} s"
    assert player.slider.get_attribute("aria-valuetext") == f"{seconds} of {seconds}"


def test_a_track_that_ends_early_says_its_verdict_then(player):
    lengths = player.see("[...root.querySelectorAll('.trails polyline')].map((l) => l.points.numberOfItems - 1)")[::2]
    assert lengths[2] < min(lengths[:2])
    player.slider.fill(str(lengths[2]))
    expert, _, cloning = player.see("said()")
    assert (expert, cloning[:14]) == ("expert", "cloningcrashed")


def test_a_scrub_puts_the_landers_where_the_kernel_says(player, opened):
    player.slider.fill("40")
    state = opened.page.evaluate(ASK, "t = explorer.player.data.tracks[0]; print(*t.states[40][:2])")
    assert player.see("places().expert") == pytest.approx([float(v) for v in state.split()], abs=1e-4)


def test_speeds_are_what_they_say(player):
    came = {}
    for name in ("¼", "½", "1", "2", "4"):
        player.root.get_by_role("radio", name=f"{name} times", exact=True).check(force=True)
        player.slider.press("Home")
        came[name] = player.see(FRAMES, 40)
    for name, speed in (("¼", 0.25), ("½", 0.5), ("1", 1), ("2", 2), ("4", 4)):
        assert came[name] == pytest.approx(40 * 0.016 * landing.STEPS_PER_SECOND * speed, abs=2)


def test_a_page_that_slept_does_not_jump(player):
    assert player.see(FRAMES.replace("16 * k", "60000 * k"), 1) <= 5


def test_keys_work_and_the_notebook_does_not_take_them(player, opened):
    cells = len(opened.cells())
    player.slider.press("ArrowRight")
    assert player.step() == 1
    player.slider.press("Space")
    player.wait("Number(slider.value) > 10")
    player.slider.press("Space")
    player.play.wait_for()
    player.root.get_by_role("radio", name="1 times", exact=True).press("ArrowRight")
    assert player.root.get_by_role("radio", name="2 times").is_checked()
    for key in "dda":  # in JupyterLab: delete the cell, insert one
        player.slider.press(key)
    assert len(opened.cells()) == cells
    player.play.press("Enter")
    player.pause.press("Enter")
    player.play.wait_for()


def test_what_it_shows_has_names(player, opened):
    says = "From the same start the expert and the diffusion policy land, the cloned policy crashes."
    assert opened.text(0) == f"LandingExplorer(seed=7): {says}"
    assert player.root.get_by_role("img", name=says).count() == 1
    assert player.root.locator("p").inner_text() == says
    assert player.root.get_by_role("radiogroup", name="speed").get_by_role("radio").count() == 5
    assert opened.slider("seed").get_attribute("aria-label") == "seed"


@pytest.mark.parametrize("width", [920, 360])
def test_labels_keep_clear_of_each_other_and_of_the_landers(player, width):
    svg = "root.querySelector('svg')"
    beside = WIDE - player.see(f"{svg}.clientWidth")  # JupyterLab's own
    player.page.set_viewport_size({"width": width + beside, "height": TALL})
    player.wait(f"{svg}.clientWidth === arg && {svg}.viewBox.baseVal.width === arg", width)
    found, beyond = player.see(CROWDS)
    assert found == []
    assert beyond < 1


def test_a_changed_seed_changes_the_tracks(player, opened):
    trails = "[...root.querySelectorAll('.trails polyline')].map((line) => line.getAttribute('points'))"
    before = player.see(trails)
    caption = player.root.locator("p").inner_text()
    opened.press("seed", "ArrowRight")
    player.wait(f"{trails}[0] !== arg", before[0])
    opened.wait_idle()
    assert 0 < player.step() < player.last() / 2  # a glimpse of the new flight
    known = "data = explorer.player.data; print(data.seed, len(data.tracks[0].states))"
    count = player.see("root.querySelector('.trails polyline').points.numberOfItems")
    assert opened.page.evaluate(ASK, known) == f"8 {count}"
    opened.press("seed", "ArrowLeft")
    player.wait(f"{trails}[0] === arg", before[0])
    player.root.locator("p", has_text=caption).wait_for()


def test_it_does_nothing_after_it_is_unmounted(player):
    ends = """(async () => {
      const { default: widget } = await module(arg[0]);
      const el = document.body.appendChild(document.createElement('div'));
      el.style.width = '600px';
      const heard = [];
      const off = (name) => heard.splice(heard.indexOf(name), 1);
      const model = { get: (name) => arg[1][name], on: (name) => heard.push(name), off };
      const unmount = widget.render({ model, el });
      await frames(3);
      const [mine, place] = [el.querySelector('button'), () => el.querySelector('.landers > g').dataset.y];
      mine.click();
      await frames(3);
      const listening = heard.length;
      unmount();
      const then = place();
      mine.click();
      await frames(3);
      el.remove();
      return [listening, heard.length, mine.ariaLabel, place() === then];
    })()"""
    shown = landing.LandingPlayer(landing.landing_data(3, {"expert": landing.TASKS["lander"].expert()}))
    state = {name: getattr(shown, name) for name in ("scene", "caption", "_roles")}
    assert player.see(ends, [CODE, state]) == [2, 0, "Pause", True]


def test_pure_functions(player):
    steps = "[-1, 0, 0.25, 1.5, 2, 9].map((step) => m.stateAt([[0, 8], [4, 8], [4, 0]], step))"
    assert player.see(f"module(arg).then((m) => {steps})", CODE) == [[0, 8], [0, 8], [1, 8], [4, 4], [4, 0], [4, 0]]
    main, side = player.see("module(arg).then((m) => m.flames([0.5, 0.75]))", CODE)
    assert max(y for _, y in main) < -10  # below the hull
    assert max(x for x, _ in side) <= -17  # on the left, and pushes to the right
    assert player.see("module(arg).then((m) => m.flames([0, -1])[0].every(([x]) => x >= 17))", CODE)
    frame = player.see("module(arg).then((m) => [360, 920].map(m.makeFrame))", CODE)
    assert [round(f["scale"], 2) for f in frame] == [0.6, 0.98]


def test_text_is_readable_in_the_dark(player, opened):
    player.page.evaluate("() => jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    player.wait("getComputedStyle(root).color.startsWith('rgba(255, 255, 255')")
    colours = """[...root.querySelectorAll('text, p, .clock, .speeds span, button')].map((node) => {
      const style = getComputedStyle(node);
      return node.tagName === 'text' ? style.fill : style.color;
    })"""
    paper = player.see("getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor")
    ground = "#" + "".join(f"{int(part):02x}" for part in paper[4:-1].split(","))
    for colour in set(player.see(colours)):
        assert contrast(colour, ground) >= 4.5, colour
    halo = player.see("getComputedStyle(root.querySelector('text')).stroke")
    assert contrast(halo.replace("rgb(", "rgba(").replace(")", ", 1)"), ground) < 1.2  # the paper's own colour
    assert opened.errors() == []
