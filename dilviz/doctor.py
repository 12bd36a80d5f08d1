"""Looks over the installation: what is there, what is missing, and how to mend it."""

import contextlib
import importlib.util
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from dilviz.assets import REPOSITORY, asset, chromium, data_folder, notebooks
from dilviz.errors import InputError

FREE_GB = 0.5  # room for checkpoints and recorded demonstrations
PIP = 'in a clone: make setup, or pip install -c constraints.txt -e ".[course]"'


def check(name: str, ok: bool, detail: str, mend: str, *, required: bool = True) -> dict[str, object]:
    """Makes one row of the report.

    Args:
        name: what was looked at.
        ok: whether it is as it should be.
        detail: what was found.
        mend: what to do if it is not; left out of the row if it is.
        required: whether the course cannot do without.

    Returns:
        The row.
    """
    return {"name": name, "ok": ok, "required": required, "detail": detail, "mend": None if ok else mend}


def doctor() -> dict[str, object]:
    """Looks at Python, the packages, the device, the widgets, the lander, files, disk and browser. Changes nothing.

    Returns:
        `{"ok": bool, "checks": [{"name", "ok", "required", "detail", "mend"}]}`; `ok` asks for the required ones alone.
    """
    looks = (_python, _torch, _threads, _widgets, _lander, _assets, _notebooks, _data_folder, _disk, _chromium)
    checks = [look() for look in looks]
    checks[1:1] = _packages()
    return {"ok": all(row["ok"] or not row["required"] for row in checks), "checks": checks}


def doctor_text(report: dict) -> str:
    """Writes a report for people.

    Args:
        report: what `doctor` returned.

    Returns:
        One line a check, what to do beneath each that failed, and a closing line.
    """
    lines = []
    for row in report["checks"]:
        mark = "ok  " if row["ok"] else "FAIL" if row["required"] else "none"
        lines.append(f"{mark}  {row['name']}: {row['detail']}")
        if row["mend"]:
            lines.append(f"      {row['mend']}")
    return "\n".join([*lines, "All is well." if report["ok"] else "Something the course needs is missing."])


def _python() -> dict[str, object]:
    found = ".".join(map(str, sys.version_info[:3]))
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return check("python", ok, f"{found} at {sys.executable}", "use Python 3.11, 3.12 or 3.13")


def _packages() -> Iterator[dict[str, object]]:
    pins = _pins()
    for name in _requirements():
        pin = pins.get(name)
        try:
            found = version(name).partition("+")[0]
        except PackageNotFoundError:
            yield check(name, False, "not installed", PIP)
            continue
        # Another version may do as well; it has only not been tried.
        detail = found if pin in (None, found) else f"{found}, tried with {pin}"
        yield check(name, pin in (None, found), detail, f"pip install {name}=={pin}", required=False)


def _requirements() -> list[str]:
    """Packages that dilviz and its course ask for."""
    try:
        asked = requires("dilviz") or []
    except PackageNotFoundError:  # run from a clone that is not installed
        asked = ["torch", "numpy", "safetensors", "tqdm", "scipy", "gymnasium", "jupyterlab", "ipywidgets", "plotly"]
    wanted = [line for line in asked if "extra ==" not in line or "'course'" in line.replace('"', "'")]
    return sorted({re.split(r"[\s\[;<>=!~]", line, maxsplit=1)[0].lower() for line in wanted})


def _pins() -> dict[str, str]:
    with contextlib.suppress(OSError):
        lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
        return {name.lower(): pin for name, _, pin in (line.partition("==") for line in lines) if pin}
    return {}


def _torch() -> dict[str, object]:
    try:
        import torch
    except ImportError as error:
        return check("torch device", False, f"torch does not load: {error}", PIP)
    mps = torch.backends.mps.is_available()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "mps" if mps else "cpu"
    return check("torch device", True, f"{device}; torch {torch.__version__}", "")


def _threads() -> dict[str, object]:
    if "torch" not in sys.modules:
        return check("threads", True, "torch is not loaded", "")
    count = sys.modules["torch"].get_num_threads()
    mend = "set OMP_NUM_THREADS=1: small networks are slower on several threads than on one"
    return check("threads", count == 1, f"{count} of {os.cpu_count()} cores", mend, required=False)


def _widgets() -> dict[str, object]:
    missing = [name for name in ("jupyterlab_widgets", "anywidget") if importlib.util.find_spec(name) is None]
    folders = [Path(sys.prefix, "share/jupyter/labextensions", name) for name in ("@jupyter-widgets", "anywidget")]
    missing += [str(folder) for folder in folders if not missing and not folder.exists()]
    detail = f"missing: {', '.join(missing)}" if missing else "jupyterlab_widgets and anywidget"
    return check("widgets", not missing, detail, PIP)


def _lander() -> dict[str, object]:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # pygame greets
            import gymnasium

            gymnasium.make("LunarLander-v3", continuous=True).close()
    except Exception as error:  # any failure of a third party is the finding
        mend = 'pip install -c constraints.txt "gymnasium[box2d]"; on Linux on ARM, Box2D must be built'
        return check("lander", False, f"LunarLander-v3 does not start: {error}".splitlines()[0], mend, required=False)
    return check("lander", True, "LunarLander-v3 starts", "")


def _found(name: str, find: Callable[[], Path], *, required: bool) -> dict[str, object]:
    try:
        return check(name, True, str(find()), "", required=required)
    except InputError as error:
        return check(name, False, "not found", str(error), required=required)


def _assets() -> dict[str, object]:
    return _found("assets", asset, required=False)


def _notebooks() -> dict[str, object]:
    return _found("notebooks", notebooks, required=False)


def _nearest(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _data_folder() -> dict[str, object]:
    folder = data_folder()
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):
            return check("data folder", True, str(folder), "")
    except OSError as error:
        mend = "set DILVIZ_HOME to a folder that you may write into"
        return check("data folder", False, f"{folder} cannot be written: {error.strerror}", mend)


def _disk() -> dict[str, object]:
    free = shutil.disk_usage(_nearest(data_folder())).free / 1e9
    return check("disk", free > FREE_GB, f"{free:.1f} GB free", f"make room: {FREE_GB} GB", required=False)


def _chromium() -> dict[str, object]:
    found = chromium()
    mend = "needed by the browser tests alone: playwright install chromium"
    return check("chromium", found is not None, found or "not on the PATH", mend, required=False)
