"""The wheel is whole: built, installed into an empty environment, and used from another folder."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import dilviz

ROOT = Path(__file__).resolve().parent.parent
# What pip would install beside the wheel; torch alone takes minutes, so this Python's own packages are lent instead.
LENT = sysconfig.get_paths()["purelib"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def empty(wheel, tmp_path_factory):
    """A function that runs a command of an environment that holds the wheel, from a folder that holds nothing."""
    folder = tmp_path_factory.mktemp("an empty place")
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = str(scripts / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "-q", str(wheel)]
    installed = subprocess.run(pip, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # A plain line of a .pth: the lent folder comes last, and its own .pth files, an editable dilviz among them, are
    # not read.
    Path(site, "lent.pth").write_text(LENT + "\n")

    def run(*command: str, **environment: str) -> subprocess.CompletedProcess:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("DILVIZ_", "PYTHON"))}
        return subprocess.run(
            [str(scripts / command[0]), *command[1:]],
            cwd=folder,
            env={**clean, "DILVIZ_HOME": str(folder / "home"), **environment},
            capture_output=True,
            text=True,
        )

    return run


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "dilviz"], cwd=ROOT, capture_output=True, text=True
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")
    files = {name for name in tracked.stdout.splitlines() if (ROOT / name).exists()}
    assert {"dilviz/py.typed", "dilviz/show/plot.js", "dilviz/show/theme.css"} <= files
    assert files <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_carries_licence_and_notice_and_nothing_beside_the_package(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    info = f"dilviz-{dilviz.__version__}.dist-info/"
    assert {info + "licenses/LICENSE", info + "licenses/NOTICE"} <= set(names)
    assert {name.split("/")[0] for name in names} == {"dilviz", info.rstrip("/")}


def test_the_command_runs_from_another_folder(empty):
    where = empty("python", "-c", "import dilviz; print(dilviz.__file__, dilviz.__version__)")
    assert str(ROOT) not in where.stdout
    assert where.stdout.strip().endswith(dilviz.__version__)
    told = empty("dilviz", "--help")
    assert (told.returncode, told.stderr) == (0, "")
    for command in ("lab", "doctor", "train", "evaluate"):
        assert command in told.stdout


def test_without_a_clone_lab_says_what_to_do(empty):
    done = empty("dilviz", "lab", "--no-browser")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "set DILVIZ_NOTEBOOKS to the notebooks folder of a clone" in done.stderr


def test_without_a_clone_assets_come_from_the_variable(empty):
    code = "from dilviz.assets import asset; print(asset())"
    assert "set DILVIZ_ASSETS" in empty("python", "-c", code).stderr
    here = str(ROOT / "tests")  # any folder that exists
    assert empty("python", "-c", code, DILVIZ_ASSETS=here).stdout.strip() == here
