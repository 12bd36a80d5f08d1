"""Walks drawn by hand in a real JupyterLab: with the mouse onto the pad, trained on, and walked by another learner."""

import nbformat
import pytest
from browser import Lab

CELL = """
from dilviz.show import drawn
drawn.STEPS = 60  # enough to see that something walks
explorer = drawn.DrawnExplorer()
explorer
"""


@pytest.fixture(scope="module")
def notebook(browser, tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(CELL)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / "drawn.ipynb")
    with Lab(root) as lab:
        notebook = lab.open(browser, "drawn.ipynb", height=1000)
        notebook.run_all()
        yield notebook
        assert notebook.errors() == []


def test_a_walk_is_drawn_trained_on_and_walked(notebook):
    page = notebook.page
    says = page.locator(".dilviz-explorer figcaption")
    assert "Draw walks on the pad" in says.inner_text()
    box = page.get_by_role("application").bounding_box()

    def at(x, y):
        return box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"]

    page.mouse.move(*at(0.5, 0.07))
    page.mouse.down()
    for place in ((0.3, 0.2), (0.15, 0.5), (0.3, 0.8), (0.5, 0.93)):
        page.mouse.move(*at(*place), steps=4)
    page.mouse.up()
    says.filter(has_text="1 walk drawn; press Train.").wait_for()
    page.get_by_role("button", name="Train").click()
    says.filter(has_text="lookup, trained in").wait_for()
    assert "32 pass left, 0 right and 0 fail" in says.inner_text()
    page.locator(".dilviz-explorer select").select_option("cloning")
    says.filter(has_text="cloning, trained in").wait_for()
