"""`dilviz doctor`, `dilviz lab`, where files are looked for, and the browser helper itself."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import nbformat
import pytest
from browser import Lab, wait_until_up

from dilviz import assets, doctor, lab
from dilviz.errors import InputError

PLAYGROUND = """
import ipywidgets as widgets
import plotly.graph_objects as go

figure = go.FigureWidget([go.Scatter(y=[0.0, 1.0, 2.0])])
slider = widgets.IntSlider(description="t", min=0, max=10)

def redraw(change):
    figure.data[0].y = [change.new * k for k in range(3)]

slider.observe(redraw, "value")
widgets.VBox([slider, figure])
"""


def write_notebook(path: Path, *sources: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder with a space in its name, two lessons in it, and no repository around."""
    root = tmp_path / "my course"
    for name in ("01_forward_noising", "05_behavioral_cloning"):
        write_notebook(root / "notebooks" / f"{name}.ipynb", "1 + 1")
    monkeypatch.setattr(assets, "REPOSITORY", tmp_path / "none")
    monkeypatch.delenv("DILVIZ_NOTEBOOKS", raising=False)
    monkeypatch.delenv("DILVIZ_ASSETS", raising=False)
    monkeypatch.chdir(tmp_path)
    return root


# Where files are looked for


def test_assets_come_from_the_repository_then_from_the_variable(course, monkeypatch):
    with pytest.raises(InputError, match=r"stills/a\.png is not in .*not set.*set DILVIZ_ASSETS"):
        assets.asset("stills", "a.png")
    for folder in ("named", "none/assets"):  # the repository comes last here, and wins
        Path(folder, "stills").mkdir(parents=True)
        Path(folder, "stills", "a.png").touch()
        monkeypatch.setenv("DILVIZ_ASSETS", "named")
        assert assets.asset("stills", "a.png") == (
            Path("named/stills/a.png") if folder == "named" else assets.REPOSITORY / "assets/stills/a.png"
        )


def test_notebooks_are_found_by_the_variable_or_from_where_we_stand(course, monkeypatch):
    with pytest.raises(InputError, match=r"no folder of lessons .* set DILVIZ_NOTEBOOKS"):
        assets.notebooks()
    monkeypatch.setenv("DILVIZ_NOTEBOOKS", str(course / "notebooks"))
    assert assets.notebooks() == course / "notebooks"
    monkeypatch.delenv("DILVIZ_NOTEBOOKS")
    monkeypatch.chdir(course)
    assert assets.notebooks() == course / "notebooks"


# Lessons and ports


@pytest.mark.parametrize("said", [5, "5", "05", "05_behavioral_cloning"])
def test_a_lesson_has_a_number_and_a_name(course, said):
    assert lab.find_lesson(course / "notebooks", said) == "05_behavioral_cloning.ipynb"


def test_the_first_lesson_is_the_default(course):
    assert lab.find_lesson(course / "notebooks", None) == "01_forward_noising.ipynb"


def test_an_unknown_lesson_names_those_that_exist(course):
    with pytest.raises(InputError, match=r"'77'.*01_forward_noising, 05_behavioral_cloning"):
        lab.find_lesson(course / "notebooks", "77")
    with pytest.raises(InputError, match=r"no lesson in .*set DILVIZ_NOTEBOOKS"):
        lab.find_lesson(course, "1")


def test_a_busy_port_takes_the_next():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert lab.free_port(port) > port


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none(port):
    with pytest.raises(InputError, match=f"port {port} is not a port"):
        lab.free_port(port)


# The server


def start_lab(course: Path, port: int) -> subprocess.Popen:
    code = f"from dilviz.lab import lab; raise SystemExit(lab('05', browser=False, port={port}))"
    home = course.parent / "home"
    folders = {f"JUPYTER_{name}_DIR": str(home / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    named = {"DILVIZ_NOTEBOOKS": str(course / "notebooks"), "PYTHONPATH": str(Path(lab.__file__).parents[1])}
    # `assets` looks into the repository first, so the lessons served here stand for it.
    code = f"import dilviz.assets as a, pathlib; a.REPOSITORY = pathlib.Path('/nowhere'); {code}"
    environment = {**os.environ, **folders, **named}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment, cwd=course.parent, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to another process")
def test_lab_serves_the_lesson_on_the_next_port_and_stops_at_ctrl_c(course):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        server = start_lab(course, port)
        said = server.stderr.readline()
        assert said.startswith(f"dilviz: port {port} is taken, so this is port ")
        url = next(line.strip() for line in server.stderr if line.strip().startswith("http://"))
        assert "/lab/tree/notebooks/05_behavioral_cloning.ipynb?token=" in url
        wait_until_up(url, server)  # the address is printed a moment before the server listens
        plugin = "/lab/api/settings/@jupyterlab/apputils-extension:notification"
        with urlopen(url.replace("/lab/tree/notebooks/05_behavioral_cloning.ipynb", plugin), timeout=30) as answer:
            news = json.load(answer)
        assert news["schema"]["properties"]["fetchNews"]["default"] == "false"
        assert news["settings"] == {}, "the user's own settings were touched"
        server.send_signal(signal.SIGINT)
        rest = server.stderr.read()
        assert server.wait(60) == 0
        assert "Traceback" not in rest


# The doctor


def test_doctor_reports_every_check():
    report = doctor.doctor()
    assert report["ok"] is True
    assert all(list(row) == ["name", "ok", "required", "detail", "mend"] for row in report["checks"])
    names = {row["name"] for row in report["checks"]}
    assert {"python", "torch", "torch device", "threads", "widgets", "lander", "assets", "notebooks"} <= names
    assert {"data folder", "disk", "chromium"} <= names
    assert json.loads(json.dumps(report)) == report
    assert all((row["mend"] is None) == row["ok"] for row in report["checks"])


def test_doctor_finds_what_is_missing(monkeypatch):
    def version(name):
        if name == "anywidget":
            raise doctor.PackageNotFoundError(name)
        return "0.0.1" if name == "tqdm" else "2.13.0+cpu"

    monkeypatch.setattr(doctor, "version", version)
    monkeypatch.setattr(doctor, "_requirements", lambda: ["anywidget", "torch", "tqdm"])
    report = doctor.doctor()
    rows = {row["name"]: row for row in report["checks"]}
    assert report["ok"] is False
    assert rows["anywidget"]["required"]
    assert rows["torch"]["ok"]
    assert (rows["tqdm"]["ok"], rows["tqdm"]["required"]) == (False, False)
    text = doctor.doctor_text(report)
    assert "FAIL  anywidget: not installed" in text
    assert text.endswith("Something the course needs is missing.")


def test_doctor_says_how_to_mend_a_data_folder(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DILVIZ_HOME", str(tmp_path / "file"))
    row = doctor._data_folder()
    assert (row["ok"], row["required"]) == (False, True)
    assert "set DILVIZ_HOME" in row["mend"]


# The browser helper


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_slider_moved_by_the_keyboard_redraws_a_figure(browser, tmp_path, theme):
    write_notebook(tmp_path / "play ground.ipynb", "print('up')", PLAYGROUND)
    with Lab(tmp_path, theme=theme) as server:
        lesson = server.open(browser, "play ground.ipynb")
        lesson.run_all()
        assert lesson.errors() == []
        assert lesson.text(0) == "up\n"
        lesson.wait_figures(1)
        start = lesson.figures()
        assert start == [[[0, 1, 2]]]
        lesson.press("t", "ArrowRight", "ArrowRight")
        lesson.wait_equal([[[0, 2, 4]]])
        lesson.press("t", "Home")
        lesson.wait_equal([[[0, 0, 0]]])
        assert lesson.page.evaluate("document.body.dataset.jpThemeLight") == str(theme == "light").lower()


def test_an_error_in_a_cell_is_seen(browser, tmp_path):
    write_notebook(tmp_path / "bad.ipynb", "1 / 0")  # one after it might run: it depends on when it arrives
    with Lab(tmp_path) as server:
        lesson = server.open(browser, "bad.ipynb")
        lesson.run_all()
        assert lesson.errors() == ["ZeroDivisionError: division by zero"]


@pytest.mark.parametrize(
    ("ci", "outcome", "line"),
    [
        ("", "1 passed, 2 skipped", "2 browser tests were skipped: no Chromium starts here"),
        ("true", "1 passed, 2 errors", ""),
    ],
)
def test_without_a_chromium_browser_tests_are_skipped_and_counted_and_fail_on_ci(tmp_path, ci, outcome, line):
    here = Path(__file__).parent
    for name in ("conftest.py", "browser.py"):
        shutil.copy(here / name, tmp_path / name)
    (tmp_path / "test_it.py").write_text("def test_1(browser): ...\ndef test_2(browser): ...\ndef test_3(): ...\n")
    nowhere = {"PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path), "CI": ci}
    pytest_here = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(pytest_here, env={**os.environ, **nowhere}, capture_output=True, text=True)
    assert outcome in done.stdout.splitlines()[-1], done.stdout
    assert line in done.stdout
