"""A live demo in a Hugo site: the shortcode, the page that it frames, and the script that keeps the two in step."""

from __future__ import annotations

from pathlib import Path

from dilviz.errors import InputError
from dilviz.show.live.source import plain

_SHORTCODE = Path(__file__).with_name("hugo.gotmpl")
_ENDINGS = ("toml", "yaml", "yml", "json")
_CONFIGURATIONS = [*(f"{name}.{end}" for name in ("hugo", "config") for end in _ENDINGS), "config/_default"]


def check_site(site: str) -> Path:
    """The folder of a site, if it is one.

    Args:
        site: the folder.

    Returns:
        The same.

    Raises:
        InputError: it has no configuration of Hugo.
    """
    folder = Path(site)
    try:
        if any((folder / name).exists() for name in _CONFIGURATIONS):
            return folder
    except OSError as error:
        raise InputError(f"--hugo {site} cannot be read ({error.strerror}); name the folder of a site.") from error
    raise InputError(f"--hugo {site} holds no hugo.toml, hugo.yaml or config.toml; name the folder of a site.")


def site_files(site: Path, demo: str, page: bytes, mark: str) -> dict[Path, bytes]:
    """What a site needs for a demo.

    Args:
        site: its folder.
        demo: the demo's name.
        page: its page.
        mark: words that each file holds.

    Returns:
        path -> bytes, the page first.
    """
    script = f"// {mark}\n(() => {{\n{plain('frame.js')}}})();\n"
    return {
        site / "static" / "dilviz" / f"{demo}.html": page,
        site / "static" / "dilviz" / "frame.js": script.encode(),
        site / "layouts" / "shortcodes" / "dilviz.html": _SHORTCODE.read_bytes(),
    }
