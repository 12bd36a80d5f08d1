"""The lander player in a real JupyterLab: played, scrubbed, its seed changed, by mouse and by keys."""

import nbformat
import pytest
from browser import Lab
from test_theme import contrast

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
SAYS = "From the same start the expert and the diffusion policy land, the cloned policy crashes."
ASK = """async (code) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const asked = kernel.requestExecute({ code });
  let answer = "";
  asked.onIOPub = ({ header, content }) => { if (header.msg_type === "stream") answer += content.text; };
  await asked.done;
  return answer.trim();
}"""
# Plays so many frames of 16 ms with a clock of its own, and says how far it came.
FRAMES = """frames(3).then(() => {
  const real = window.requestAnimationFrame;
  let asked = [];
  window.requestAnimationFrame = (callback) => asked.push(callback);
  const start = performance.now();
  button.click();
  for (let k = 1; k <= arg; k++) for (const callback of asked.splice(0)) callback(start + 16 * k);
  window.requestAnimationFrame = real;
  button.click();
  for (const callback of asked) real(callback);
  return Number(slider.value);
})"""
PAGE = """
const root = document.querySelector('.dilviz-live');
const [canvas, slider, button] = ['canvas', '.time input', '.play'].map((what) => root.querySelector(what));
const print = () => canvas.toDataURL();
const frames = (n) => new Promise((done) => requestAnimationFrame(() => (n > 1 ? frames(n - 1).then(done) : done())));
"""


class Player:
    """The player on the page."""

    def __init__(self, notebook):
        self.page = notebook.page
        self.root = self.page.locator(".dilviz-live")
        self.slider = self.root.get_by_role("slider", name="time")
        self.seed = self.root.get_by_role("slider", name="seed")
        self.play = self.root.get_by_role("button", name="Play")
        self.pause = self.root.get_by_role("button", name="Pause")
        self.words = self.root.locator(".words")

    def see(self, expression, arg=None):
        """The value of an expression in the page, or what its promise comes to."""
        return self.page.evaluate(f"async (arg) => {{ {PAGE}; return {expression}; }}", arg)

    def wait(self, expression, arg=None):
        self.page.wait_for_function(f"(arg) => {{ {PAGE}; return {expression}; }}", arg=arg)

    def ask(self, code):
        """What the kernel prints."""
        return self.page.evaluate(ASK, code)

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
        notebook = lab.open(browser, "landing.ipynb", width=1100, height=1400)
        notebook.run_all()
        notebook.page.locator(".dilviz-live canvas").wait_for()
        yield notebook
        assert notebook.errors() == []


@pytest.fixture
def player(opened):
    """The player, paused at its start, at its own speed."""
    player = Player(opened)
    player.root.get_by_role("combobox", name="speed").select_option("1")
    player.slider.press("Home")
    player.wait("slider.value === '0' && button.ariaLabel === 'Play'")
    return player


def test_the_first_frame_is_in_flight_and_waits(opened):
    """The first test of the file: nothing has touched the player yet."""
    player = Player(opened)
    player.wait("Number(slider.value) > 0")
    assert player.step() < player.last() / 2
    before = player.see("frames(3).then(print)")
    assert player.see("frames(5).then(print)") == before
    player.play.click()  # from the start, not from the glimpse
    player.wait("Number(slider.value) < 20 || Number(slider.value) > 100")
    player.pause.click()


def test_play_moves_the_landers_and_pause_stops_them(player):
    start = player.see("frames(3).then(print)")
    player.play.click()
    player.wait("Number(slider.value) > 20")
    player.pause.click()
    there = player.see("frames(3).then(print)")
    assert there != start
    assert player.see("frames(5).then(print)") == there
    player.play.click()  # goes on from where it stood
    player.wait("Number(slider.value) > 40")
    player.pause.click()


def test_it_stops_at_the_end_and_begins_anew(player):
    player.root.get_by_role("combobox", name="speed").select_option("4")
    player.slider.press("End")
    player.slider.press("PageDown")
    player.play.click()
    player.play.wait_for()  # Pause is Play again
    assert player.step() == player.last()
    seconds = f"{player.last() / 50:.1f} s"
    assert player.slider.get_attribute("aria-valuetext") == f"{seconds} of {seconds}"
    player.play.click()
    player.wait("Number(slider.value) < Number(slider.max) / 2")
    player.pause.click()


def test_python_and_the_page_move_it_alike(player):
    player.slider.fill("40")
    player.page.wait_for_function(f"async () => await ({ASK})('print(explorer.at)') === '40'")
    player.ask("explorer.at = 31")
    player.wait("slider.value === '31'")
    player.ask("explorer.playing = True")
    player.wait("Number(slider.value) > 35")
    player.pause.click()
    player.page.wait_for_function(f"async () => await ({ASK})('print(explorer.playing)') === 'False'")


def test_speeds_are_what_they_say(player):
    for name, speed in (("¼", 0.25), ("½", 0.5), ("1", 1), ("2", 2), ("4", 4)):
        player.root.get_by_role("combobox", name="speed").select_option(name)
        player.slider.press("Home")
        assert player.see(FRAMES, 40) == pytest.approx(40 * 0.016 * 50 * speed, abs=2)


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
    for key in "dda":  # in JupyterLab: delete the cell, insert one
        player.slider.press(key)
    assert len(opened.cells()) == cells
    player.play.press("Enter")
    player.pause.press("Enter")
    player.play.wait_for()


def test_what_it_shows_has_names(player, opened):
    assert opened.text(0) == f"LandingExplorer(seed=7): {SAYS}"
    assert player.root.get_by_role("img", name=SAYS).count() == 1
    assert player.words.inner_text() == SAYS
    assert player.seed.input_value() == "7"


def test_a_changed_seed_changes_the_landings(player):
    before, length = player.see("frames(3).then(print)"), player.last()
    player.seed.press("ArrowRight")
    player.page.wait_for_function(f"async () => await ({ASK})('print(explorer.data.seed)') === '8'")
    player.wait("Number(slider.value) > 0")  # a glimpse of the new flight
    assert player.step() < player.last() / 2
    assert player.ask("print(explorer.scene['last'])") == str(player.last())
    player.slider.press("Home")
    assert player.see("frames(3).then(print)") != before
    player.seed.press("ArrowLeft")
    player.words.get_by_text(SAYS).wait_for()
    player.wait("Number(slider.max) === arg", length)


def test_text_is_readable_in_the_dark(player, opened):
    player.page.evaluate("() => jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    player.wait("getComputedStyle(root).color.startsWith('rgba(255, 255, 255')")
    paper = player.see("getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor")
    ground = "#" + "".join(f"{int(part):02x}" for part in paper[4:-1].split(","))
    colours = "[...root.querySelectorAll('p, label, .value, button')].map((node) => getComputedStyle(node).color)"
    for colour in set(player.see(colours)):
        assert contrast(colour, ground) >= 4.5, colour
    assert opened.errors() == []
