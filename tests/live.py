"""The JavaScript of the live demos in a page of a real browser, called from Python with plain values."""

from dilviz.show.live.source import joined

IMPORT = """async (text) => {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  window.dilviz = await import(url);
}"""


def load(browser, *files):
    """A page in which `dilviz` is a module of these files, as a notebook or a page of the course gets them."""
    page = browser.new_page()
    page.evaluate(IMPORT, joined(*files))
    return page
