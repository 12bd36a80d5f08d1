"""What `make` does: install into `.venv` once, then run the command that was asked for.

Nothing but the standard library, and no newer syntax than Python 3.6 reads: an old Python must get as far as being
told that it is too old. Without make, `python .ci/setup.py lab` does the same.
"""

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.json"
NODE = VENV / "node"
LOG = ROOT / "setup.log"
PY = str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
PIP = [PY, "-m", "pip", "--disable-pip-version-check", "install", "-c", "constraints.txt"]

DOWNLOAD_GB = {"cpu": 0.2, "cuda": 3.0}  # PyTorch and what it brings
DISK_GB = {"cpu": 2.5, "cuda": 10.0}  # all that stands in .venv, and room to unpack it

HELP = """make setup    install into .venv (the other commands do so by themselves)
make lab      open the lessons in JupyterLab      ARGS="--lesson 01 --no-browser --port 8890"
make test     run every test                      ARGS="tests/test_setup.py -x"
make lint     ruff and mypy; with node also TypeScript and Biome on the JavaScript
make lessons  execute every lesson and write its outputs
make stills   draw the pictures of the lessons and of the README
make assets   train the policies that ship with the course, and measure its tables (an hour)
PYTHON=/path/to/python picks the Python (3.11 to 3.13), TORCH=auto|cpu|cuda PyTorch's build."""

CAUSES = (
    (r"No space left on device", "the disk, or the folder for temporary files, is full: make room"),
    (
        r"name resolution|NewConnectionError|getaddrinfo|[Cc]onnection refused|ConnectTimeout|ProxyError|unreachable",
        "the package index could not be reached: check the network and the proxy",
    ),
    (r"No matching distribution", "a pinned package has no build for this machine: see the end of setup.log"),
    (r"", "an install step failed: see the end of setup.log"),
)


class Stop(Exception):
    """One sentence for the person at the keyboard: what is wrong, and what to do."""


def say(text):
    print(f"dilviz: {text}", flush=True)


# What must hold before anything is made


def check_python():
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise Stop(
            f"needs Python 3.11, 3.12 or 3.13, and {sys.executable} is {platform.python_version()}; "
            "name another one: make PYTHON=/path/to/python"
        )


def check_mac():
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        raise Stop(
            "PyTorch is no longer built for Intel Macs; on Apple silicon use an arm64 Python, "
            "on an Intel Mac open the course in Binder or Colab (see README.md)"
        )


def check_writable():
    if not os.access(str(ROOT), os.W_OK):
        raise Stop(f"cannot write into {ROOT}: clone the repository into a folder of your own")


def check_venv_module():
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        major, minor = sys.version_info[:2]
        raise Stop(
            f"{sys.executable} has no venv module; on Debian and Ubuntu `sudo apt install python{major}.{minor}-venv`, "
            "elsewhere name another Python: make PYTHON=/path/to/python"
        )


def check_room(build):
    need, free = DISK_GB[build], shutil.disk_usage(str(ROOT)).free / 1e9
    if free < need:
        raise Stop(f"needs {need:.1f} GB of disk, and {ROOT} has {free:.1f} GB free: make room")


# Which PyTorch


def has_nvidia_driver():
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def wanted_build():
    """Returns "cpu" or "cuda", as TORCH= says; "auto" asks for the driver."""
    torch = os.environ.get("TORCH") or "auto"
    if torch not in ("auto", "cpu", "cuda"):
        raise Stop(f"TORCH={torch} is not known: say TORCH=auto, TORCH=cpu or TORCH=cuda")
    if torch == "cuda" and platform.system() == "Darwin":
        raise Stop("TORCH=cuda: there is no CUDA on macOS; leave TORCH out")
    return torch if torch != "auto" else "cuda" if has_nvidia_driver() else "cpu"


def pinned(name):
    return re.search(rf"(?m)^{name}==(\S+)", (ROOT / "constraints.txt").read_text()).group(1)


def has_torch(version):
    question = f"from importlib.metadata import version as v; assert v('torch').partition('+')[0] == '{version}'"
    return logged([PY, "-c", question]) == 0


def pip_brings(build, version):
    """Whether plain pip would install this build."""
    if build == "cuda" or platform.system() != "Linux":
        return build == "cpu"
    # On Linux pip's default carries CUDA. A mirror or a folder of wheels may hold the CPU build: pip then prefers it.
    listed = subprocess.run([PY, "-m", "pip", "index", "versions", "torch"], capture_output=True)
    return re.search(rf"\b{re.escape(version)}\+cpu\b", listed.stdout.decode()) is not None


def install_torch(build):
    version = pinned("torch")
    package = f"torch=={version}"
    if has_torch(version):
        return
    say(f"downloading PyTorch {version}, {build.upper()} build, about {DOWNLOAD_GB[build]:.1f} GB")
    if not pip_brings(build, version):
        # uv knows where PyTorch keeps its builds, and which of them the driver can run.
        backend = "cpu" if build == "cpu" else "auto" if has_nvidia_driver() else "cu130"
        uv = [PY, "-m", "uv", "pip", "install", "--python", PY, "--torch-backend", backend]
        if logged([*PIP, "uv"]) == 0 and logged([*uv, "-c", "constraints.txt", package]) == 0:
            return
        build = "cuda" if platform.system() == "Linux" else "cpu"
        say(
            f"PyTorch's own index could not be reached, so it is the build that pip finds: {build.upper()}, "
            f"about {DOWNLOAD_GB[build]:.1f} GB"
        )
        check_room(build)
    install([package])


# The environment


def environment():
    """What child processes see: `.venv` alone decides what is imported and where pip writes."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__")}
    return dict(kept, PIP_USER="0", PYTHONNOUSERSITE="1")


def logged(command):
    """Runs a command quietly and returns its exit status; what it prints goes to the end of setup.log."""
    with LOG.open("a", encoding="utf-8") as log:
        print("\n$", *command, file=log, flush=True)
        quiet = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        return subprocess.run(command, cwd=str(ROOT), env=environment(), **quiet).returncode


def install(requirements):
    start = LOG.stat().st_size
    if logged(PIP + requirements) != 0:
        printed = LOG.read_bytes()[start:].decode("utf-8", "replace")
        raise Stop(next(cause for pattern, cause in CAUSES if re.search(pattern, printed)) + ", then run make again")


def venv_works():
    """Whether `.venv` is whole and of this Python: an interrupted or outdated one is made anew."""
    config = VENV / "pyvenv.cfg"
    if not (config.exists() and f"version = {platform.python_version()}" in config.read_text().splitlines()):
        return False
    return Path(PY).exists() and logged([PY, "-m", "pip", "--version"]) == 0


def make_venv(build):
    if venv_works() and read_stamp().get("torch", build) == build:
        return
    say(f"making .venv with Python {platform.python_version()}")
    if logged([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        raise Stop(f"{sys.executable} could not make .venv: see the end of setup.log")


def key():
    """What the installed packages depend on: two files, the Python, and where the repository stands."""
    files = b"\0".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return hashlib.sha256(files + platform.python_version().encode() + os.fsencode(str(ROOT))).hexdigest()


def read_stamp():
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def is_installed(extra):
    stamp, torch = read_stamp(), os.environ.get("TORCH") or "auto"
    same = stamp.get("key") == key() and torch in ("auto", stamp.get("torch"))
    return same and stamp.get("extra") in (extra, "test") and Path(PY).exists()


def write_stamp(extra, build):
    part = STAMP.with_suffix(".part")
    part.write_text(json.dumps({"key": key(), "extra": extra, "torch": build}))
    part.replace(STAMP)


def provide_chromium():
    """A Chromium for the browser tests: the PATH's, else Playwright's own, else Debian's package; else none."""
    ways = [[], [[PY, "-m", "playwright", "install", "chromium"]]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        ways.append([["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]])
    for way in ways:
        if all(logged(command) == 0 for command in way) and logged([PY, "tests/browser.py"]) == 0:
            return
    say("no Chromium could be found or installed: the browser tests will be skipped")


def provide_node_packages():
    """What checks the JavaScript, where a developer has node; the folder gets its name when it is whole."""
    npm, asked, part = shutil.which("npm"), ROOT / "tests" / "js" / "package.json", VENV / "node.part"
    have = NODE / "package.json"
    if not (npm and shutil.which("node")) or (have.exists() and have.read_bytes() == asked.read_bytes()):
        return
    for folder in (part, NODE):
        shutil.rmtree(str(folder), ignore_errors=True)
    part.mkdir()
    shutil.copy(str(asked), str(part))
    quick = ["--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    whole = ["--include=dev", "--no-package-lock", "--ignore-scripts", *quick]
    if logged([npm, "install", "--prefix", str(part), *whole]) == 0:
        part.replace(NODE)
    else:
        say("npm could not install what checks the JavaScript, which stays unchecked: see the end of setup.log")


def set_up(extra):
    """Everything in order; the stamp last, so that whatever stops this in the middle leaves none."""
    check_writable()
    check_venv_module()
    build = wanted_build()
    check_room(build)
    LOG.write_text("")
    make_venv(build)
    if STAMP.exists():
        STAMP.unlink()
    say("installing, which takes some minutes; what pip prints goes to setup.log")
    install_torch(build)
    say("downloading the other packages, about 0.1 GB")
    install(["-e", f".[{extra}]"])
    if extra == "test":
        provide_chromium()
    write_stamp(extra, build)
    say("installed")


# The commands


def commands(target, rest):
    """Returns the commands of a target, to be run until one fails."""
    # Outputs are compared to the letter on Linux, where they were made.
    nbval = ["--nbval" if sys.platform == "linux" else "--nbval-lax", "--nbval-current-env"]
    javascript = [["tests/js/check.py", "lint", "types"]] if NODE.exists() else []
    return {
        "setup": [],
        "lab": [["-m", "dilviz", "lab", *rest]],
        "test": [["-m", "pytest", *nbval, *rest]],
        "lint": [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."], ["-m", "mypy"], *javascript],
        "lessons": [[".ci/lessons.py", *rest]],
        "stills": [["-m", "dilviz.show.stills", *rest], ["-m", "dilviz.show.film"]],
        "assets": [[".ci/assets.py", *rest]],
    }[target]


def main(target="help", *rest):
    if target == "help":
        print(HELP)
        return 0
    check_python()
    check_mac()
    os.chdir(str(ROOT))
    extra = "course" if target in ("setup", "lab") else "test"
    if not is_installed(extra):
        set_up(extra)
    if target in ("test", "lint"):
        provide_node_packages()
    *first, last = commands(target, rest) or [["-c", ""]]
    for arguments in first:
        status = subprocess.call([PY, *arguments], env=environment())
        if status:
            return status
    if os.name == "posix":  # in this process's place, so that Ctrl-C and the exit status are the command's own
        os.execve(PY, [PY, *last], environment())
    return subprocess.call([PY, *last], env=environment())


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Stop as stop:
        print(f"dilviz: {stop}.", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\ndilviz: stopped; nothing is marked as installed, run make again to go on.", file=sys.stderr)
        sys.exit(130)
