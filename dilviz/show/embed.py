"""A live demo as one file that needs nothing else: a page, or the bare module for pages of one's own."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dilviz.diffusion.checkpoint import check_writable, write_whole
from dilviz.errors import InputError
from dilviz.imitation import CloningPolicy, DiffusionPolicy
from dilviz.imitation.learners import WEIGHTS, load_policy
from dilviz.show.hugo import check_site, site_files
from dilviz.show.live import Live, LiveDenoising, LiveFork, LiveHorizon, LiveNoising
from dilviz.show.live.source import HERE, plain
from dilviz.show.players import player_from

MARK = "made by dilviz embed"  # stands in each file that is written, and lets the next one replace it
# How a page, a module and the shortcode begin: the same words elsewhere are a person's own, and such a file is kept.
_OURS = re.compile(
    rf'<!doctype html>\n<html lang="en">\n<head>\n(<meta .*\n)*<meta name="generator" content="{MARK}">\n'
    rf"|// {MARK}[:\n]"
    rf"|\{{\{{- /\*.*, {MARK} \*/ -\}}\}}\n"
)
_HEAD = 4096  # bytes; a page's mark ends before the 1000th
_NO_TEXT = r"\ud800-\udfff"  # as Python reads bytes that are not UTF-8
_NO_NAME = rf"{_NO_TEXT}\x00-\x1f\x7f-\x9f\u2028\u2029"  # nor what breaks a line
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{mark}">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<div class="page" role="main">
<h1>{title}</h1>
<div id="dilviz"></div>
<noscript>{still}<p>{says}</p></noscript>
{caption}</div>
<script type="application/json" id="dilviz-data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def embed(
    demo: str,
    *,
    out: str | None = None,
    hugo: str | None = None,
    checkpoint: str | None = None,
    caption: str | None = None,
) -> dict[str, Any]:
    """Write a demo as a file of its own.

    Args:
        demo: as in `DEMOS`.
        out: the file, whose suffix says what it is: .html a page, .js a module.
        hugo: the folder of a Hugo site, in place of `out`.
        checkpoint: a folder that `dilviz train` made, or its file; None for what comes with the course.
        caption: plain text below the demo.

    Returns:
        demo, files, bytes and sha256 of the first of them, and use: lines that show it, each a way of its own.

    Raises:
        InputError: an unknown demo, a checkpoint that it cannot take, or a place that cannot be written.
    """
    if (out is None) == (hugo is None):
        raise InputError("give --out FILE or --hugo SITE; one of the two.")
    for option, name in {"--out": out, "--hugo": hugo, "--checkpoint": checkpoint}.items():
        _check_text(option, name, _NO_NAME)
    _check_text("--caption", caption, _NO_TEXT)
    site, kind = (check_site(hugo), page) if hugo is not None else (None, _check_out(str(out)))
    data = kind(make_demo(demo, checkpoint), caption or "")
    files = {Path(str(out)): data} if site is None else site_files(site, demo, data, MARK)
    _write(files)
    about = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return {"demo": demo, "files": [str(path) for path in files], **about, "use": _use(demo, out)}


def _use(demo: str, out: str | None) -> list[str]:
    """How the demo is shown: each line is a way."""
    name = f"/dilviz/{demo}.html" if out is None else quote(Path(out).name)
    if name.endswith(".js"):
        call = f'import {{ mount }} from "./{name}"; mount(document.getElementById("demo"));'
        return [f'<div id="demo"></div> <script type="module">{call}</script>']
    frame = (
        f'<iframe src="{name}" title="Live demo: {demo}" width="100%" height="720" frameborder="0" '
        'sandbox="allow-scripts" loading="lazy"></iframe>'
    )
    return [frame] if out else [f'{{{{< dilviz demo="{demo}" >}}}}', frame]


def _check_text(option: str, text: str | None, unfit: str) -> None:
    if text == "" and unfit == _NO_NAME:
        raise InputError(f"{option} is empty; name a place, or leave it out.")
    if found := re.search(f"[{unfit}]", text or ""):
        fault = "is not UTF-8" if found[0] >= "\ud800" else "is no part of a line"
        raise InputError(f"{option} holds {found[0]!r}, which {fault}; write it anew.")


def _check_out(out: str) -> Callable[[Live, str], bytes]:
    """What is asked for by the file's name; before the work, and not after it, see whether it can be written."""
    path = Path(out)
    if path.suffix not in KINDS:
        raise InputError(f"--out {out} ends in no {' and no '.join(KINDS)}; name a page (x.html) or a module (x.js).")
    try:
        there = path.parent.is_dir()
    except OSError:  # a name that is too long
        there = False
    if not there:
        raise InputError(f"--out {out} cannot be written (there is no folder {path.parent}); name another place.")
    _check_free(path)
    return KINDS[path.suffix]


def _check_free(path: Path) -> None:
    """What embed wrote may be replaced, and nothing else: no pipe, no device, no link that leads nowhere."""
    check_writable(path)
    try:
        free = not os.path.lexists(path) or (path.is_file() and _is_ours(path))
    except OSError as error:
        raise InputError(f"{path} is there already and cannot be read ({error.strerror}); move it away.") from error
    if not free:
        raise InputError(f"{path} is there already and is not {MARK}; move it away, or name another place.")


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD).decode(errors="replace")
    return _OURS.match(head.replace("\r\n", "\n")) is not None  # git may have changed the ends of the lines


def _write(files: dict[Path, bytes]) -> None:
    """All of them or none: whatever can be known is found out first."""
    folders = {folder for path in files for folder in path.parents if not os.path.exists(folder)}
    try:
        for path in files:
            _check_free(path)
        for path, data in files.items():
            write_whole(path, data)
    finally:
        for folder in sorted(folders, key=lambda one: -len(one.parts)):
            with suppress(OSError):
                folder.rmdir()  # empty ones only


def _fork(checkpoint: Path | None) -> Live:
    policy = None if checkpoint is None else load_policy(checkpoint)
    if policy is None or isinstance(policy, DiffusionPolicy):
        return LiveFork(diffusion=policy)
    assert isinstance(policy, CloningPolicy)  # there is no third kind
    return LiveFork(cloning=policy)


def _without_policy(kind: type[Live]) -> Callable[[Path | None], Live]:
    def make(checkpoint: Path | None) -> Live:
        if checkpoint is not None:
            raise InputError(f"the demo {kind.demo} takes no policy; leave --checkpoint out.")
        return kind()

    return make


# How each demo is made, from a policy's file if one is given.
DEMOS: dict[str, Callable[[Path | None], Live]] = {
    "denoising": _without_policy(LiveDenoising),
    "fork": _fork,
    "horizon": _without_policy(LiveHorizon),
    "noising": _without_policy(LiveNoising),
    "player": player_from,
}


def make_demo(name: str, checkpoint: str | None = None) -> Live:
    """A demo by name.

    Args:
        name: as in `DEMOS`.
        checkpoint: a folder that `dilviz train` made, or its file; None for what comes with the course.

    Returns:
        The demo.

    Raises:
        InputError: no such demo, or a checkpoint that it cannot take.
        MissingExtra: the demo's task needs a package that is not installed.
    """
    if name not in DEMOS:
        raise InputError(f"demo {name!r} is unknown; take one of {', '.join(DEMOS)}.")
    return DEMOS[name](None if checkpoint is None else _weights(Path(checkpoint)))


def _weights(path: Path) -> Path:
    """The file that is meant, seen to be one that can be asked for."""
    try:
        file = path / WEIGHTS if path.is_dir() else path
        file.is_file()
    except OSError as error:  # a name that is too long, a folder that is closed
        raise InputError(f"checkpoint {path} cannot be read ({error.strerror}); name another.") from error
    return file


def page(demo: Live, caption: str = "") -> bytes:
    """A demo as a page that asks for nothing: no server, no kernel, no other file.

    Args:
        demo: any, in the state in which the page is to begin.
        caption: plain text below it.

    Returns:
        The file.

    Raises:
        InputError: a number of the demo is not finite.
    """
    style = _styles("page.css")
    script = f"\n{plain('page.js', f'{demo.demo}.js')}\nopenPage(render);\n"
    text = _PAGE.format(
        policy=_content_policy(script, style),
        mark=MARK,
        title=html.escape(demo.title),
        style=style,
        still=demo.still(),
        says=html.escape(demo.says),
        caption=f'<p class="caption">{html.escape(caption)}</p>\n' if caption else "",
        data=_data(demo, {}),
        script=script,
    )
    return text.encode()


def module(demo: Live, caption: str = "") -> bytes:
    """A demo as a module that exports `mount(element, state?, changed?)`, for pages that want no frame.

    Args:
        demo: any, in the state in which it is to begin.
        caption: plain text below it.

    Returns:
        The file.

    Raises:
        InputError: a number of the demo is not finite.
    """
    data = _data(demo, {"caption": caption} if caption else {})
    lines = [
        f"// {MARK}: mount(element, state, changed) shows the demo in an element and gives {{ go(state), close() }}.",
        "// A state is what stands after # in the address of the demo's page; changed(state) hears of each change.",
        plain("mount.js", f"{demo.demo}.js"),
        f"const demoData = {data};",
        f"const demoStyle = {json.dumps(_styles())};",
        'export function mount(element, state = "", changed = () => {}) {',
        "return placeDemo(render, demoData, demoStyle, element, state, changed);",
        "}\n",
    ]
    return "\n".join(lines).encode()


KINDS: dict[str, Callable[[Live, str], bytes]] = {".html": page, ".js": module}


def _content_policy(script: str, style: str) -> str:
    """Nothing is loaded, and nothing runs but this script."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _styles(*more: str) -> str:
    return "".join((HERE / name).read_text(encoding="utf-8") for name in ("live.css", *more))


def _data(demo: Live, more: dict[str, str]) -> str:
    try:
        text = json.dumps(demo.values() | more, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise InputError(f"a number of the demo {demo.demo} is not finite; train the policy anew.") from error
    return text.replace("<", "\\u003c")  # or text could end the script that it lies in
