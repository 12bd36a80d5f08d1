"""The linked equations in a real JupyterLab: by key, by mouse and from Python; axe looks at them."""

import nbformat
import pytest
from browser import Lab
from test_axe import AXE
from test_pad_browser import ASK

from dilviz.show.equations import SYMBOLS, equation_values, value_in_words

CELL = "from dilviz.show.equations import LinkedEquations\nequations = LinkedEquations()\nequations"
AXE_HERE = """async () => {
  const found = await axe.run(".dilviz-equations");
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`);
}"""
MARKED = """() => [...document.querySelectorAll(".dilviz-equations .marked")]
  .filter(node => !node.closest(".readout")).map(node => node.textContent.trim())"""
STICKS_OUT = """() => {
  const { scrollWidth, clientWidth } = document.querySelector(".dilviz-equations");
  return scrollWidth - clientWidth;
}"""
LIT = """() => [...document.querySelectorAll(".dilviz-equations svg .lit")].map(node => node.dataset.of.split(" "))"""


@pytest.fixture(scope="module", params=["light", "dark"])
def opened(request, browser, tmp_path_factory):
    root = tmp_path_factory.mktemp("equations")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(CELL)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / "equations.ipynb")
    with Lab(root, theme=request.param) as lab:
        notebook = lab.open(browser, "equations.ipynb", height=1100)
        notebook.run_all()
        notebook.page.locator(".dilviz-equations svg .part").first.wait_for()
        yield notebook
        assert notebook.errors() == []


@pytest.fixture
def page(opened):
    """The page, with nothing chosen, t = 25 and the mouse elsewhere."""
    page = opened.page
    page.mouse.move(2, 2)
    # From the page's side, as what it has sent may still be on its way: the kernel's word would cross it.
    page.locator(".dilviz-equations button").first.focus()
    page.keyboard.press("Escape")
    wait_words(page, "Point at a symbol")
    wait_kernel(page, "repr(equations.symbol)", "''")
    page.evaluate(ASK, "equations.t = 25")
    page.wait_for_function("() => document.querySelector('.dilviz-equations input').value === '25'")
    return page


def wait_words(page, words):
    page.locator(".dilviz-equations .readout").filter(has_text=words).wait_for()


def wait_kernel(page, expression, wanted):
    code = f"print({expression})"
    page.wait_for_function(f"async ([code, wanted]) => (await ({ASK})(code)) === wanted", arg=[code, wanted])


def value(symbol, t):
    return value_in_words(equation_values(t)[symbol])


def in_equation(page, title):
    return page.get_by_role("group", name=title)


def test_keys_lead_from_symbol_to_symbol(page):
    page.get_by_role("slider", name="t, the time").focus()
    page.keyboard.press("Tab")
    wait_words(page, f"the data, noised to time t. In code xt, shape (16, 1, 2). At t = 25: {value('xt', 25)}")
    page.keyboard.press("ArrowRight")
    wait_words(page, f"In code alpha_bar.sqrt(), shape (16,). At t = 25: {value('signal_scale', 25)}")
    page.keyboard.press("ArrowRight")
    wait_words(
        page, f"clean data: 16 points of the fork's walks. In code x0, shape (16, 1, 2). At t = 25: {value('x0', 25)}"
    )
    wait_kernel(page, "equations.symbol", "x0")
    page.keyboard.press("Tab")  # to the second equation
    wait_words(page, f"In code loss, shape (). At t = 25: {value('loss', 25)}")
    assert page.evaluate("document.activeElement.matches(':focus-visible')")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Escape")
    wait_words(page, "Point at a symbol")
    assert not page.evaluate("document.activeElement.closest('.dilviz-equations')")
    wait_kernel(page, "repr(equations.symbol)", "''")


def test_a_symbol_marks_its_occurrences_and_its_part_of_the_picture(page):
    in_equation(page, "1. Jump").get_by_role("button", name="epsilon: the noise").focus()
    wait_words(page, "drawn from N(0, 1)")
    assert page.evaluate(MARKED) == ["ε", "noise", "ε", "ε", "noise"]
    lit = page.evaluate(LIT)
    assert lit and all("noise" in of for of in lit)
    in_equation(page, "3. The posterior").get_by_role("button", name="sigma squared").first.focus()
    wait_words(page, "the posterior's variance")
    assert page.evaluate(MARKED) == ["σ2", "σ2", "variance", "variance"]
    assert page.evaluate(LIT) == [["variance"]]


def test_every_symbol_has_its_words_its_value_and_a_part_of_the_picture(page):
    for symbol, entry in SYMBOLS.items():
        page.evaluate(ASK, f"equations.symbol = {symbol!r}")
        wait_words(page, f"{entry.words}. In code {entry.code}")
        wait_words(page, f"At t = 25: {value(symbol, 25)}")
        assert page.evaluate(MARKED)
        lit = page.evaluate(LIT)
        assert lit and all(symbol in of for of in lit), symbol


def test_t_changes_every_value_from_either_side(page):
    in_equation(page, "3. The posterior").get_by_role("button", name="u: how much").first.click()
    wait_words(page, f"At t = 25: {value('u', 25)}")
    slider = page.get_by_role("slider", name="t, the time")
    before = page.locator(".dilviz-equations svg").inner_html()
    slider.press("ArrowRight")
    wait_words(page, f"At t = 26: {value('u', 26)}")
    assert page.locator(".dilviz-equations svg").inner_html() != before
    wait_kernel(page, "equations.t", "26")
    slider.press("Home")
    wait_words(page, f"At t = 0: {value('u', 0)}")
    page.evaluate(ASK, "equations.t = 49")
    wait_words(page, f"At t = 49: {value('u', 49)}")
    assert slider.input_value() == "49"


def test_the_mouse_looks_and_a_click_chooses(page):
    root = in_equation(page, "1. Jump").get_by_role("button", name="root of one minus")
    root.locator("[data-symbol=alpha_bar]").hover()
    wait_words(page, "share of the data's variance that is left at t")
    page.mouse.move(2, 2)
    wait_words(page, "Point at a symbol")
    wait_kernel(page, "repr(equations.symbol)", "''")  # to look is not to choose
    root.click(position={"x": 4, "y": 12})  # on the root's own sign
    page.mouse.move(2, 2)
    wait_words(page, "how large the noise is")
    wait_kernel(page, "equations.symbol", "noise_scale")


def test_an_unknown_symbol_is_refused_and_the_page_stays(page):
    page.evaluate(ASK, "equations.symbol = 'u'")
    wait_words(page, "how much of the clean data")
    assert "InputError: the equations have no symbol 'q'" in page.evaluate(ASK, "equations.symbol = 'q'")
    wait_words(page, "how much of the clean data")


def test_the_code_that_can_be_opened_follows_t(page):
    page.evaluate(ASK, "equations.t = 31")
    page.get_by_text("Where the numbers come from").click()
    page.get_by_text("t = torch.full((16,), 31)").wait_for()
    page.get_by_text("Where the numbers come from").click()


def test_axe_finds_nothing_and_nothing_sticks_out(page):
    page.evaluate(AXE)
    for symbol in ("", "alpha_bar", "weight"):
        page.evaluate(ASK, f"equations.symbol = {symbol!r}")
        wait_words(page, SYMBOLS[symbol].words if symbol else "Point at a symbol")
        assert page.evaluate(AXE_HERE) == []
    for width in (1280, 768, 600):
        page.set_viewport_size({"width": width, "height": 1100})
        assert page.evaluate(STICKS_OUT) <= 0
    page.set_viewport_size({"width": 1280, "height": 1100})
