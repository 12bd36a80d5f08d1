"""Opens the lessons in JupyterLab."""

import os
import socket
import sys
import tempfile
from pathlib import Path

from dilviz.assets import notebooks
from dilviz.errors import InputError, MissingExtra

FIRST_PORT = 8888
SETTINGS = Path(__file__).parent / "jupyter"  # no pop-up with news, no widget state saved into the lessons


def lessons(folder: Path) -> list[str]:
    """Lists the lessons of a folder.

    Args:
        folder: where to look.

    Returns:
        Names such as `"01_forward_noising"`, in order.
    """
    return sorted(path.stem for path in folder.glob("[0-9][0-9]_*.ipynb"))


def find_lesson(folder: Path, lesson: str | int | None) -> str:
    """Finds a lesson by its number or name.

    Args:
        folder: where the lessons lie.
        lesson: `1`, `"01"` or `"01_forward_noising"`; `None` is the first there is.

    Returns:
        The lesson's file name.

    Raises:
        InputError: there is no such lesson.
    """
    there = lessons(folder)
    if not there:
        raise InputError(f"no lesson in {folder}: set DILVIZ_NOTEBOOKS to the notebooks folder of a clone.")
    wanted = there[0] if lesson is None else str(lesson).zfill(2)
    found = [name for name in there if wanted in (name, name[:2])]
    if not found:
        raise InputError(f"no lesson {lesson!r} in {folder}: there are {', '.join(there)}.")
    return found[0] + ".ipynb"


def free_port(port: int | None) -> int:
    """Finds a port of this machine that nobody listens on.

    Args:
        port: the first to try, 1 to 65535; `None` is 8888.

    Returns:
        It, or the next one that is free.

    Raises:
        InputError: no such port, or none of the next hundred is free.
    """
    first = FIRST_PORT if port is None else port
    if not 1 <= first <= 65535:
        raise InputError(f"port {port} is not a port: choose one from 1 to 65535.")
    for candidate in range(first, min(first + 100, 65536)):
        if _is_free(candidate):
            return candidate
    raise InputError(f"port {first} and the hundred after it are taken: name another one with --port.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":  # or a port that was just given back counts as taken for a minute
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def server_arguments(root: Path, lesson: str, port: int, browser: bool) -> list[str]:
    """Builds the command line of the server.

    Args:
        root: the folder that the server shows; pictures of `assets/` must lie below it.
        lesson: the notebook to open, as a path below `root`.
        port: to listen on, on this machine alone.
        browser: whether to open one.

    Returns:
        The arguments of `jupyter lab`.
    """
    arguments = [
        "--ip=127.0.0.1",
        f"--port={port}",
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{lesson}",
        "--ServerApp.answer_yes=True",  # one Ctrl-C stops it
        "--LabApp.news_url=None",
        "--KernelManager.transport_encryption=auto",  # or every kernel warns in the terminal
        "--Application.log_level=WARN",
    ]
    as_root = ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    return arguments + as_root + ([] if browser else ["--no-browser"])


def server_environment() -> dict[str, str]:
    """Says what the server and its kernels need to see.

    Returns:
        Variables to add: one thread (small networks fall to a twentieth of their speed when threads compete), no
        window of pygame's, this Python's kernel before any other, and our settings beneath the user's.
    """
    known = os.environ.get("JUPYTER_CONFIG_PATH")
    return {
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "SDL_VIDEODRIVER": os.environ.get("SDL_VIDEODRIVER", "dummy"),
        "PYGAME_HIDE_SUPPORT_PROMPT": "1",
        "XDG_RUNTIME_DIR": os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir(),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, (str(SETTINGS), known))),
    }


def lab(lesson: str | int | None = None, browser: bool = True, port: int | None = None) -> int:
    """Serves the lessons until Ctrl-C.

    Args:
        lesson: the number or name of the one to open; `None` is the first there is.
        browser: whether to open a browser at it.
        port: to listen on; a busy one gives way to the next free one.

    Returns:
        0, when the server was stopped.

    Raises:
        InputError: no such lesson, no lessons, or no such port.
        MissingExtra: JupyterLab is not installed.
    """
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise MissingExtra('JupyterLab is not installed: pip install "dilviz[course]".') from error
    folder = notebooks()
    name = find_lesson(folder, lesson)
    chosen = free_port(port)
    if chosen != (port or FIRST_PORT):
        print(f"dilviz: port {port or FIRST_PORT} is taken, so this is port {chosen}.", file=sys.stderr)
    os.environ.update(server_environment())
    LabApp.launch_instance(server_arguments(folder.parent, f"{folder.name}/{name}", chosen, browser))
    return 0
