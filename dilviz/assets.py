"""Where things lie that the package uses but does not carry: lessons, checkpoints, progress, a browser."""

import os
import shutil
from pathlib import Path

from dilviz.errors import InputError

REPOSITORY = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")


def chromium() -> str | None:
    """Finds a Chromium, or a browser made of it, on the PATH.

    Returns:
        Its path, or None.
    """
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def asset(*parts: str) -> Path:
    """Finds a file or folder of `assets/`.

    Args:
        *parts: its path below `assets/`, e.g. `"checkpoints", "fork.safetensors"`; none is the folder itself.

    Returns:
        The first that exists of `assets/` in the repository and `$DILVIZ_ASSETS`.

    Raises:
        InputError: it is in neither.
    """
    named = os.environ.get("DILVIZ_ASSETS")
    for folder in (REPOSITORY / "assets", Path(named) if named else None):
        if folder and folder.joinpath(*parts).exists():
            return folder.joinpath(*parts)
    looked = f"{REPOSITORY / 'assets'} or in DILVIZ_ASSETS={named or '(not set)'}"
    raise InputError(
        f"{'/'.join(parts) or 'assets'} is not in {looked}: set DILVIZ_ASSETS to the assets folder of a clone."
    )


def notebooks() -> Path:
    """Finds the folder of the lessons.

    Returns:
        The first that exists of `notebooks/` in the repository, `$DILVIZ_NOTEBOOKS`, and `notebooks/` where we stand.

    Raises:
        InputError: none of them exists.
    """
    named = os.environ.get("DILVIZ_NOTEBOOKS")
    for folder in (REPOSITORY / "notebooks", Path(named) if named else None, Path.cwd() / "notebooks"):
        if folder and folder.is_dir():
            return folder.resolve()
    raise InputError(
        f"no folder of lessons in {REPOSITORY}, in DILVIZ_NOTEBOOKS={named or '(not set)'} or in {Path.cwd()}: "
        "set DILVIZ_NOTEBOOKS to the notebooks folder of a clone."
    )


def data_folder() -> Path:
    """Names the folder of the user's progress and data; it need not exist.

    Returns:
        `$DILVIZ_HOME`, else the system's place for a user's data.
    """
    if os.environ.get("DILVIZ_HOME"):
        return Path(os.environ["DILVIZ_HOME"])
    try:
        from platformdirs import user_data_path
    except ImportError:
        return Path.home() / ".dilviz"
    return user_data_path("dilviz", appauthor=False)
