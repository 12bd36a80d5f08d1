"""A real JupyterLab in a real Chromium. Everything waits for a state of the page, nothing for a time.

    with Lab(folder) as lab:
        lesson = lab.open(browser, "notebooks/01_forward_noising.ipynb")
        lesson.run_all()
        before = lesson.arrays(figure=0)
        lesson.press("t", "ArrowRight")

Run as a script it says whether a Chromium starts (exit status 0) or not (1).
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

REPOSITORY = Path(__file__).resolve().parent.parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
READY_MS = 120_000  # the longest wait for any state; a wait that ends late is a failure, not a result


@contextmanager
def chromium() -> Iterator:
    """A Playwright browser: the Chromium on the PATH, else Playwright's own. Raises where neither starts."""
    from playwright.sync_api import sync_playwright

    from dilviz.assets import chromium as on_the_path

    on_path = on_the_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=on_path, args=FLAGS)
        yield browser
        browser.close()


def copy_course(to: Path) -> Path:
    """Copies lessons and assets, so that JupyterLab's autosave touches no file of the repository."""
    for name in ("notebooks", "assets"):
        shutil.copytree(REPOSITORY / name, to / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return to


def unused_port() -> int:
    """A port that the system gives out to nobody else for a while."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_up(url: str, server: subprocess.Popen) -> None:
    """Waits until the server answers at `url`; its process ending, or the longest wait, ends this."""
    deadline = time.monotonic() + READY_MS / 1000
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:  # not listening yet; waiting on its process sets the pace
            with suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
    raise RuntimeError(f"nothing answers at {url}")


class Lab:
    """An isolated JupyterLab that serves `root`: it reads and writes no file of the user's."""

    def __init__(self, root: Path, *, theme: str = "light", environment: dict[str, str] | None = None):
        self.root, self.theme, self.extra = Path(root), theme, environment or {}
        self.token = secrets.token_hex(8)

    def __enter__(self) -> "Lab":
        from dilviz.lab import server_arguments

        self.port, self.contexts = unused_port(), []
        self.home = tempfile.TemporaryDirectory(prefix="dilviz-lab-", ignore_cleanup_errors=True)
        self.log = open(Path(self.home.name, "server.log"), "w+", encoding="utf-8")
        arguments = server_arguments(self.root, "", self.port, browser=False)
        ours = [f"--IdentityProvider.token={self.token}", "--LabApp.expose_app_in_browser=True"]
        ours += ["--ServerApp.port_retries=0"]  # on another port than asked for, nobody would find it
        self.server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments, *ours],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        try:
            wait_until_up(f"http://127.0.0.1:{self.port}/api/status?token={self.token}", self.server)
        except RuntimeError as error:
            self.__exit__()
            raise RuntimeError(f"JupyterLab did not start:\n{self.said}") from error
        return self

    def __exit__(self, *_) -> None:
        for context in self.contexts:
            context.close()
        self.server.terminate()
        self.server.wait(30)
        self.log.close()
        self.said = Path(self.log.name).read_text(encoding="utf-8")
        self.home.cleanup()

    def _environment(self) -> dict[str, str]:
        from dilviz.lab import server_environment

        folders = {
            name: str(Path(self.home.name, name.lower()))
            for name in (
                "JUPYTER_CONFIG_DIR",
                "JUPYTER_DATA_DIR",
                "JUPYTER_RUNTIME_DIR",
                "JUPYTERLAB_SETTINGS_DIR",
                "JUPYTERLAB_WORKSPACES_DIR",
                "IPYTHONDIR",
                "DILVIZ_HOME",
            )
        }
        return {**os.environ, **server_environment(), **folders, **self.extra}

    def open(self, browser, notebook: str, *, width: int = 1280, height: int = 900) -> "Notebook":
        """Opens a notebook, given by its path below `root`, and waits until its kernel is idle."""
        # A context of its own: cookies of another server must not reach this one.
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=self.theme)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(READY_MS)
        self._set_theme()
        page.goto(
            f"http://127.0.0.1:{self.port}/lab/workspaces/w{secrets.token_hex(4)}/tree/{notebook}?token={self.token}"
        )
        return Notebook(page)

    def _set_theme(self) -> None:
        folder = Path(self.home.name, "jupyterlab_settings_dir", "@jupyterlab", "apputils-extension")
        folder.mkdir(parents=True, exist_ok=True)
        name = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[self.theme]
        (folder / "themes.jupyterlab-settings").write_text(json.dumps({"theme": name}))


IDLE = """() => {
  const session = window.jupyterapp?.shell?.currentWidget?.sessionContext;
  const kernel = session?.session?.kernel;
  return !!(session?.isReady && kernel?.connectionStatus === "connected" && kernel?.status === "idle");
}"""
# Not awaited here: where the kernel dies the promise is never kept, and `evaluate` knows no limit.
RUN_ALL = """() => {
  window.ranAll = false;
  jupyterapp.commands.execute("notebook:run-all-cells").finally(() => { window.ranAll = true; });
}"""
CELLS = """() => jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells"""
FIGURES = """(name) => [...document.querySelectorAll(".js-plotly-plot")].map(
  gd => (gd._fullData || []).map(trace => Array.from(trace[name] || [], Number)))"""


class Notebook:
    """A notebook that is open in a page: `page` is Playwright's."""

    def __init__(self, page):
        self.page = page
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        self.page_errors: list[str] = []
        self.wait_idle()

    def wait_idle(self) -> None:
        """Waits until the kernel is connected and has nothing to do."""
        self.page.wait_for_function(IDLE)

    def run_all(self) -> None:
        """Runs every cell and waits for the last; behind one that raises, only what the kernel has not dropped."""
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function("() => window.ranAll")
        self.wait_idle()

    def cells(self) -> list[dict]:
        """The cells with their outputs as JupyterLab's model holds them, those out of view too."""
        return self.page.evaluate(CELLS)

    def outputs(self) -> list[list[dict]]:
        """The outputs of every code cell."""
        return [cell["outputs"] for cell in self.cells() if cell["cell_type"] == "code"]

    def errors(self) -> list[str]:
        """What cells raised and the page threw."""
        raised = [out for outputs in self.outputs() for out in outputs if out["output_type"] == "error"]
        return [f"{out['ename']}: {out['evalue']}" for out in raised] + self.page_errors

    def text(self, cell: int) -> str:
        """What a code cell printed or returned as plain text."""
        parts = (out.get("text") or out.get("data", {}).get("text/plain", "") for out in self.outputs()[cell])
        return "".join("".join(part) for part in parts)

    def figures(self, name: str = "y") -> list[list[list[float]]]:
        """The array `name` ("x", "y") of every trace of every Plotly figure in view."""
        return self.page.evaluate(FIGURES, name)

    def wait_figures(self, count: int = 1) -> None:
        """Waits until so many figures are drawn."""
        drawn = "n => [...document.querySelectorAll('.js-plotly-plot')].filter(gd => gd._fullData?.length).length >= n"
        self.page.wait_for_function(drawn, arg=count)

    def slider(self, label: str):
        """The handle of the slider with this label."""
        named = self.page.locator(".widget-slider", has=self.page.get_by_text(label, exact=True))
        return named.locator(".noUi-handle").first

    def press(self, label: str, *keys: str) -> None:
        """Presses keys on a slider, e.g. "ArrowRight" or "End"."""
        handle = self.slider(label)
        handle.focus()
        for key in keys:
            handle.press(key)

    def wait_changed(self, before: list, name: str = "y") -> list:
        """Waits until the figures draw other arrays than `before`, and returns them."""
        changed = f"([before, name]) => JSON.stringify(({FIGURES})(name)) !== before"
        self.page.wait_for_function(changed, arg=[self._json(before), name])
        self.wait_idle()
        return self.figures(name)

    def wait_equal(self, arrays: list, name: str = "y") -> None:
        """Waits until the figures draw these arrays."""
        equal = f"([wanted, name]) => JSON.stringify(({FIGURES})(name)) === wanted"
        self.page.wait_for_function(equal, arg=[self._json(arrays), name])

    def _json(self, arrays: list) -> str:
        return self.page.evaluate("a => JSON.stringify(a)", arrays)

    def screenshot(self, path: Path) -> None:
        """Writes what is in view as a PNG."""
        self.page.screenshot(path=str(path))

    def close(self) -> None:
        """Closes the page; the notebook on the disk stays as it was."""
        self.page.close()


if __name__ == "__main__":
    try:
        with chromium() as started:
            print(started.version)
    except Exception as problem:  # whatever keeps it from starting is the answer
        sys.exit(str(problem))
