"""`make` and `.ci/setup.py`, run as a person runs them, in a copy that stands in a folder with a space in its name.

Stood in for: pip (a package in `.venv` that writes down how it was called), npm and the facts of the machine (a Python
that reports another version, system or disk). All else is real: make, the script, `.venv`, the stamp, the signals.
"""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
SENTENCE = re.compile(r"dilviz: [^\n]+\.\n")
SHUT = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}  # lets a real pip reach nothing
TORCH = re.search(r"(?m)^torch==(\S+)", (ROOT / "constraints.txt").read_text()).group(1)

pytestmark = pytest.mark.skipif(os.name == "nt" or shutil.which("make") is None, reason="needs make and a shell")

# Runs a script in a Python whose machine differs as MACHINE says. (A shebang has no room for a path with a space: to
# the shell the second and third line are a command, to Python a string.)
PRETENDER = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import collections, importlib.util, os, platform, runpy, shutil, sys
machine = {machine!r}
free = machine.get("free_gb")
if free is not None:
    room = collections.namedtuple("usage", "total used free")
    shutil.disk_usage = lambda path: room(10**12, 0, int(free * 1e9))
if "version" in machine:
    platform.python_version = lambda: ".".join(map(str, machine["version"]))
    sys.version_info = (*machine["version"], "final", 0)
platform.system = lambda: machine.get("system", "Linux")
platform.machine = lambda: machine.get("machine", "x86_64")
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in machine.get("without", ()) else find_spec(name, *a)
os.geteuid = lambda: machine.get("uid", 1000)
if machine.get("read_only"):
    os.access = lambda path, mode: mode != os.W_OK
if sys.argv[1] == "-c":
    exec(sys.argv[2])
else:
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
"""

# Stands for pip, uv and the like: writes its arguments down, and does what `behaviour.json` says.
RECORDER = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import json, pathlib, sys, time
root = pathlib.Path({root!r})
with open(root / "calls.jsonl", "a") as calls:
    calls.write(json.dumps([{name!r}, *sys.argv[1:]]) + chr(10))
for pattern, action in json.loads((root / "behaviour.json").read_text()).items():
    if pattern in " ".join([{name!r}, *sys.argv[1:]]):
        print(action.get("print", ""))
        if action.get("browser"):
            (root / "browser").touch()
        if action.get("wait"):
            (root / "waiting").touch()
            time.sleep(60)
        sys.exit(action.get("exit", 0))
"""


class Clone:
    """A copy of what `make` needs, with a package `dilviz` that prints how it was called."""

    def __init__(self, folder: Path):
        self.root = folder / "a clone"
        (self.root / ".ci").mkdir(parents=True)
        for name in ("Makefile", "pyproject.toml", "constraints.txt", ".ci/setup.py"):
            shutil.copy(ROOT / name, self.root / name)
        (self.root / "dilviz").mkdir()
        (self.root / "dilviz" / "__main__.py").write_text("import sys\nprint('dilviz', *sys.argv[1:])\n")
        # Whether a Chromium starts; what installs one is told to leave this file.
        (self.root / "tests").mkdir()
        found = f"import os, sys\nsys.exit(not os.path.exists({str(self.root / 'browser')!r}))\n"
        (self.root / "tests" / "browser.py").write_text(found)
        (self.root / "tests" / "js").mkdir()
        shutil.copy(ROOT / "tests" / "js" / "package.json", self.root / "tests" / "js")
        self._recorder("check.py", self.root / "tests" / "js" / "check.py")
        self.tools = folder / "tools"
        self.tools.mkdir()
        for name in ("apt-get", "npm", "node"):
            self._recorder(name, self.tools / name)
        self.behave({})

    def _recorder(self, name: str, path: Path) -> None:
        path.write_text(RECORDER.format(python=sys.executable, root=str(self.root), name=name))
        path.chmod(0o755)

    def python(self, **machine) -> str:
        """A Python for PYTHON= whose machine differs from this one."""
        path = self.root / f"python {len(list(self.root.glob('python *')))}"
        path.write_text(PRETENDER.format(python=sys.executable, machine=machine))
        path.chmod(0o755)
        return str(path)

    def behave(self, behaviour: dict) -> None:
        (self.root / "behaviour.json").write_text(json.dumps(behaviour))

    def make_venv(self) -> None:
        """A whole `.venv` as an earlier run would leave it, but for pip and uv, which are stood in for."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(self.root / ".venv")], check=True)
        packages = next((self.root / ".venv").glob("lib/python*/site-packages"))
        for name in ("pip", "uv", "playwright", "pytest", "ruff", "mypy"):
            (packages / name).mkdir()
            self._recorder(name, packages / name / "__main__.py")

    def calls(self, *names: str) -> list[str]:
        log = self.root / "calls.jsonl"
        calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [" ".join(call) for call in calls if not names or call[0] in names]

    def installs(self) -> list[str]:
        return [call for call in self.calls("pip", "uv") if " install" in call]

    def stamp(self) -> Path:
        return self.root / ".venv" / "installed.json"

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        environment = {"PATH": f"{self.tools}{os.pathsep}{os.environ['PATH']}", **environment}
        # `make test` has its own variables, which the make inside it must not see.
        ours = ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "TORCH", "PYTHON", "ARGS")
        clean = {k: v for k, v in os.environ.items() if k not in ours}
        return subprocess.run(
            ["make", *arguments],
            cwd=self.root,
            env={**clean, **environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def sentence(done: subprocess.CompletedProcess) -> str:
    """What the person reads: one sentence, then make's own closing line, exit status 2, and no log."""
    assert done.returncode == 2
    lines = done.stderr.splitlines(keepends=True)
    assert len(lines) == 2, done.stderr
    assert SENTENCE.fullmatch(lines[0]), lines[0]
    assert lines[1].startswith("make: ***")
    return lines[0]


# What make says by itself


def test_make_alone_lists_the_commands(clone):
    done = clone.make()
    assert done.returncode == 0
    for target in ("setup", "lab", "test", "lint", "lessons", "stills", "assets"):
        assert f"make {target} " in done.stdout
    assert not (clone.root / ".venv").exists()


def test_no_python_at_all(clone):
    for tool in ("make", "sh"):
        (clone.tools / tool).symlink_to(shutil.which(tool))
    said = sentence(clone.make("lab", PATH=str(clone.tools)))
    assert "found none; install one, or name it: make lab PYTHON=" in said


def test_an_old_python3_gives_way_to_the_next(clone):
    for name, machine in {"python3": {"version": (3, 10, 4)}, "python3.13": {"free_gb": 0}}.items():
        (clone.tools / name).symlink_to(clone.python(**machine))
    assert "GB of disk" in sentence(clone.make("lab"))  # the second one was taken, and it has no room


# What must hold before anything is made


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 10, 4), (3, 14, 0)])
def test_a_python_that_is_too_old_or_too_new(clone, version):
    python = clone.python(version=version)
    said = sentence(clone.make("lab", f"PYTHON={python}"))
    assert "needs Python 3.11, 3.12 or 3.13" in said
    assert ".".join(map(str, version)) in said
    assert "make PYTHON=" in said


def test_the_script_is_readable_by_an_old_python():
    import ast

    ast.parse((ROOT / ".ci" / "setup.py").read_text(), feature_version=(3, 7))


def test_an_intel_mac(clone):
    python = clone.python(system="Darwin", machine="x86_64")
    assert "Intel Macs" in sentence(clone.make("lab", f"PYTHON={python}"))


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_no_venv_module(clone, module):
    python = clone.python(without=[module])
    said = sentence(clone.make("lab", f"PYTHON={python}"))
    assert "sudo apt install python3." in said
    assert not (clone.root / ".venv").exists()


def test_no_room(clone):
    said = sentence(clone.make("lab", f"PYTHON={clone.python(free_gb=1.2)}"))
    assert "needs 2.5 GB of disk" in said
    assert "1.2 GB free: make room" in said
    assert not (clone.root / ".venv").exists()


def test_cuda_needs_more_room(clone):
    said = sentence(clone.make("lab", f"PYTHON={clone.python(free_gb=5)}", "TORCH=cuda"))
    assert "needs 10.0 GB of disk" in said


def test_a_folder_that_cannot_be_written(clone):
    python = clone.python(read_only=True)
    assert "clone the repository into a folder of your own" in sentence(clone.make("lab", f"PYTHON={python}"))


@pytest.mark.parametrize(("torch", "system"), [("gpu", "Linux"), ("cuda", "Darwin")])
def test_a_torch_that_cannot_be(clone, torch, system):
    python = clone.python(system=system, machine="arm64")
    assert f"TORCH={torch}" in sentence(clone.make("lab", f"PYTHON={python}", f"TORCH={torch}"))


# Installing


def have_cpu_build(clone, **more):
    clone.behave({"pip index versions": {"print": f"Available versions: {TORCH}+cpu, {TORCH}"}, **more})


def test_lab_installs_once_and_starts_at_once_the_second_time(clone):
    clone.make_venv()
    have_cpu_build(clone)
    first = clone.make("lab", "ARGS=--lesson 01 --no-browser", f"PYTHON={clone.python()}")
    assert first.returncode == 0, first.stderr
    assert first.stdout.endswith("dilviz lab --lesson 01 --no-browser\n")
    assert f"downloading PyTorch {TORCH}, CPU build, about 0.2 GB" in first.stdout
    torch, course = clone.installs()
    assert torch.endswith(f"install -c constraints.txt torch=={TORCH}")
    assert course.endswith("install -c constraints.txt -e .[course]")

    clone.behave({"": {"exit": 1}})  # from here on every call of pip fails
    calls = clone.calls()
    second = clone.make("lab", f"PYTHON={clone.python(free_gb=0)}")
    assert (second.returncode, second.stdout) == (0, "dilviz lab\n")
    assert clone.calls() == calls


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_file_installs_again(clone, name):
    clone.make_venv()
    have_cpu_build(clone)
    assert clone.make("setup", f"PYTHON={clone.python()}").returncode == 0
    (clone.root / name).write_text((clone.root / name).read_text() + "\n# changed\n")
    before = len(clone.installs())
    assert clone.make("setup", f"PYTHON={clone.python()}").returncode == 0
    assert len(clone.installs()) > before


def test_tests_bring_their_own_extra_and_serve_the_lab_too(clone):
    clone.make_venv()
    have_cpu_build(clone, playwright={"exit": 1})
    python = clone.python()
    assert clone.make("setup", f"PYTHON={python}").returncode == 0
    done = clone.make("test", "ARGS=-k 'a b'", f"PYTHON={python}")
    assert done.returncode == 0, done.stderr
    assert clone.installs()[-1].endswith("-e .[test]")
    assert clone.calls("pytest")[-1] == "pytest --nbval --nbval-current-env -k a b"
    before = clone.installs()
    assert clone.make("lab", f"PYTHON={python}").returncode == 0
    assert clone.installs() == before


PLAYWRIGHT = "playwright install chromium"
DEBIAN = ["apt-get update", "apt-get install -y --no-install-recommends chromium"]


@pytest.mark.parametrize(
    ("uid", "behaviour", "asked", "missing"),
    [
        (1000, {PLAYWRIGHT: {"browser": True}}, [PLAYWRIGHT], False),
        (1000, {PLAYWRIGHT: {"exit": 1}}, [PLAYWRIGHT], True),
        (0, {PLAYWRIGHT: {"exit": 1}, "chromium": {"browser": True}}, [PLAYWRIGHT, *DEBIAN], False),
        (0, {"apt-get update": {"exit": 100}}, [PLAYWRIGHT, DEBIAN[0]], True),
    ],
)
def test_a_chromium_is_looked_for_in_order(clone, uid, behaviour, asked, missing):
    clone.make_venv()
    have_cpu_build(clone, **behaviour)
    done = clone.make("test", f"PYTHON={clone.python(uid=uid)}")
    assert done.returncode == 0
    assert clone.calls("playwright", "apt-get") == asked
    assert ("the browser tests will be skipped" in done.stdout) is missing


def test_a_chromium_that_starts_is_not_looked_for(clone):
    clone.make_venv()
    have_cpu_build(clone)
    (clone.root / "browser").touch()
    assert clone.make("test", f"PYTHON={clone.python()}").returncode == 0
    assert not clone.calls("playwright", "apt-get")


def test_lint_runs_all_and_fails_with_the_first(clone):
    clone.make_venv()
    have_cpu_build(clone)
    python = clone.python()
    assert clone.make("lint", f"PYTHON={python}").returncode == 0
    everything = ["ruff check .", "ruff format --check .", "mypy", "check.py lint types"]
    assert clone.calls("ruff", "mypy", "check.py") == everything
    have_cpu_build(clone, ruff={"exit": 1})
    assert clone.make("lint", f"PYTHON={python}").returncode == 2
    assert clone.calls("ruff", "mypy", "check.py")[4:] == ["ruff check ."]


# What checks the JavaScript


def test_npm_installs_once_what_checks_the_javascript(clone):
    clone.make_venv()
    have_cpu_build(clone)
    python, asked = clone.python(), clone.root / "tests" / "js" / "package.json"
    for target in ("setup", "lab"):
        assert clone.make(target, f"PYTHON={python}").returncode == 0
    assert not clone.calls("npm")
    for target in ("test", "lint", "test"):
        assert clone.make(target, f"PYTHON={python}").returncode == 0
    (call,) = clone.calls("npm")
    assert call.startswith(f"npm install --prefix {clone.root}/.venv/node")
    assert "--no-package-lock" in call
    assert (clone.root / ".venv" / "node" / "package.json").read_text() == asked.read_text()
    asked.write_text(asked.read_text() + "\n")
    assert clone.make("lint", f"PYTHON={python}").returncode == 0
    assert len(clone.calls("npm")) == 2


def test_where_npm_fails_all_else_goes_on_and_it_is_asked_again(clone):
    clone.make_venv()
    have_cpu_build(clone, npm={"exit": 1, "print": "npm error code ENOTFOUND"})
    python = clone.python()
    done = clone.make("lint", f"PYTHON={python}")
    assert done.returncode == 0
    said = "dilviz: npm could not install what checks the JavaScript, which stays unchecked: see the end of setup.log\n"
    assert done.stdout.endswith(said)
    assert (clone.root / "setup.log").read_text().endswith("npm error code ENOTFOUND\n")
    assert clone.calls("mypy")
    assert not clone.calls("check.py")
    have_cpu_build(clone)
    assert clone.make("lint", f"PYTHON={python}").stdout == ""
    assert clone.calls("check.py")


def test_without_node_nothing_is_said_of_the_javascript(clone):
    clone.make_venv()
    have_cpu_build(clone)
    (clone.tools / "node").unlink()
    for tool in ("make", "sh"):
        (clone.tools / tool).symlink_to(shutil.which(tool))
    done = clone.make("lint", f"PYTHON={clone.python()}", PATH=str(clone.tools))
    assert done.returncode == 0
    assert "JavaScript" not in done.stdout
    assert not clone.calls("npm", "check.py")


def test_the_pins_are_exact_and_no_lock_names_a_registry():
    pinned = json.loads((ROOT / "tests" / "js" / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in pinned.values())
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    assert "package-lock" not in listed
    assert "node_modules" not in listed


# Which PyTorch


def test_without_a_cpu_build_at_hand_uv_is_asked(clone):
    clone.make_venv()
    done = clone.make("setup", f"PYTHON={clone.python()}", "TORCH=cpu")
    assert done.returncode == 0
    assert clone.installs()[0].endswith("install -c constraints.txt uv")
    assert re.fullmatch(
        rf"uv pip install --python .*/\.venv/bin/python --torch-backend cpu -c constraints.txt torch=={TORCH}",
        clone.installs()[1],
    )
    assert len(clone.installs()) == 3


def test_where_uvs_index_cannot_be_reached_pip_is_asked_and_says_so(clone):
    clone.make_venv()
    clone.behave({"--torch-backend": {"exit": 2}})
    done = clone.make("setup", f"PYTHON={clone.python()}", "TORCH=cpu")
    assert done.returncode == 0
    said = "PyTorch's own index could not be reached, so it is the build that pip finds: CUDA, about 3.0 GB"
    assert said in done.stdout
    assert clone.installs()[2].endswith(f"install -c constraints.txt torch=={TORCH}")
    # The larger build needs more room than was asked for at first.
    shutil.rmtree(clone.root / ".venv")
    clone.make_venv()
    assert "needs 10.0 GB" in sentence(clone.make("setup", f"PYTHON={clone.python(free_gb=5)}", "TORCH=cpu"))


def test_on_a_mac_plain_pip_has_the_only_build(clone):
    clone.make_venv()
    done = clone.make("setup", f"PYTHON={clone.python(system='Darwin', machine='arm64')}")
    assert done.returncode == 0
    assert not clone.calls("uv")


def test_another_build_is_another_venv(clone):
    clone.make_venv()
    have_cpu_build(clone)
    assert clone.make("setup", f"PYTHON={clone.python()}").returncode == 0
    assert json.loads(clone.stamp().read_text())["torch"] == "cpu"
    # The new .venv has a real pip, which is not let out: the next step fails.
    done = clone.make("setup", f"PYTHON={clone.python()}", "TORCH=cuda", **SHUT)
    assert "making .venv" in done.stdout
    assert done.returncode == 2
    assert not clone.stamp().exists()


# When it fails


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("[Errno -3] Temporary failure in name resolution", "index could not be reached: check the network"),
        ("NewConnectionError(...)\nERROR: No matching distribution found", "index could not be reached"),
        ("ERROR: No matching distribution found for torch", "no build for this machine: see the end of setup.log"),
        ("OSError: [Errno 28] No space left on device", "is full: make room"),
        ("error: metadata-generation-failed", "an install step failed: see the end of setup.log"),
    ],
)
def test_a_failed_install_is_one_sentence(clone, printed, said):
    clone.make_venv()
    have_cpu_build(clone, **{"-e .[course]": {"print": printed, "exit": 1}})
    done = clone.make("lab", f"PYTHON={clone.python()}")
    assert said in sentence(done)
    assert printed.splitlines()[-1] in (clone.root / "setup.log").read_text()
    assert printed.splitlines()[0] not in done.stdout
    assert not clone.stamp().exists()
    have_cpu_build(clone)
    assert clone.make("lab", f"PYTHON={clone.python()}").returncode == 0


def test_ctrl_c_leaves_no_stamp(clone):
    clone.make_venv()
    have_cpu_build(clone, **{"-e .[course]": {"wait": True}})
    setup = subprocess.Popen(
        [clone.python(), ".ci/setup.py", "lab"],
        cwd=clone.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (clone.root / "waiting").exists():
        assert setup.poll() is None
    os.killpg(setup.pid, signal.SIGINT)  # as a terminal does: to all of them
    said = setup.communicate()[1]
    assert setup.returncode == 130
    assert said.strip() == "dilviz: stopped; nothing is marked as installed, run make again to go on."
    assert not clone.stamp().exists()


@pytest.mark.parametrize("damage", ["half-made", "no pip", "another python", "python gone"])
def test_a_broken_venv_is_made_anew(clone, damage):
    clone.make_venv()
    venv = clone.root / ".venv"
    if damage == "half-made":
        shutil.rmtree(venv / "bin")
    elif damage == "no pip":
        shutil.rmtree(next(venv.glob("lib/python*/site-packages/pip")))
    elif damage == "another python":
        config = venv / "pyvenv.cfg"
        config.write_text(re.sub(r"version = .*", "version = 3.11.0", config.read_text()))
    else:
        (venv / "bin" / "python").unlink()
        (venv / "bin" / "python").symlink_to("/gone/python")
    done = clone.make("lab", f"PYTHON={clone.python()}", **SHUT)
    assert "making .venv with Python" in done.stdout
    assert (venv / "bin" / "pip").exists()  # a real one, which is not let out
    assert done.returncode == 2


def test_what_the_shell_has_set_does_not_reach_in(clone, tmp_path):
    clone.make_venv()
    have_cpu_build(clone)
    (tmp_path / "dilviz").mkdir()
    (tmp_path / "dilviz" / "__main__.py").write_text("print('an intruder')\n")
    done = clone.make("lab", f"PYTHON={clone.python()}", PYTHONPATH=str(tmp_path), PIP_USER="1")
    assert done.stdout.endswith("dilviz lab\n")


# The files beside it


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_constraints_pin_one_version_of_each_and_no_build():
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", f"{k}=={v}") for k, v in pins().items())
    assert "+" not in pins()["torch"]
    names = [name.lower().replace("_", "-") for name in pins()]
    assert len(set(names)) == len(names)


def test_constraints_pin_whatever_pyproject_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    names = {re.match(r"[A-Za-z0-9_.-]+", line).group(0).lower() for line in asked} - {"dilviz"}
    assert names <= {name.lower() for name in pins()}


@pytest.mark.parametrize("name", ["environment.yml", ".binder/environment.yml"])
def test_conda_takes_the_same_python_and_constraints(name):
    text = (ROOT / name).read_text() + (ROOT / ".binder" / "postBuild").read_text()
    python = next(line for line in yaml.safe_load((ROOT / name).read_text())["dependencies"] if "python" in line)
    assert python in ("python=3.11", "python=3.12", "python=3.13")
    assert "-c constraints.txt" in text


def test_no_file_of_the_setup_names_a_registry():
    for name in (".ci/setup.py", ".ci/run", "Makefile", "environment.yml", ".binder/postBuild", "pyproject.toml"):
        assert "http" not in (ROOT / name).read_text(), name


def test_the_citation_and_the_package_agree_on_the_version():
    import dilviz

    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == dilviz.__version__
