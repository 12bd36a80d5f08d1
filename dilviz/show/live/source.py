"""The JavaScript of a live demo as one module, for a notebook and for a page alike.

anywidget loads a module from a blob, where relative imports resolve to nothing: what a demo imports is put ahead of it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).parent
_EXPORT = re.compile(r"^export default .*\n?|^export ", re.MULTILINE)
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
# Comments that fill their lines, the types that stand within a line, and indentation: a third of what a page weighs.
_BODY = r"(?:(?!\*/)[\s\S])*"
_SPARE = re.compile(rf"^ *//.*\n|^ */\*\*{_BODY}\*/ *\n|/\*\* @{_BODY}\*/ ?|^ +|^\n", re.MULTILINE)


@lru_cache
def joined(*names: str) -> str:
    """Files of this folder and all that they import, each once, as the text of a single module.

    Args:
        names: of the files, such as "fork.js".

    Returns:
        The text, without its comments; the repository has them.
    """
    texts: dict[str, str] = {}
    for name in names:
        _collect(name, texts)
    return _SPARE.sub("", "\n".join(texts.values()))


def plain(*names: str) -> str:
    """The same without its exports: for a script that calls what it defines.

    Args:
        names: of the files.

    Returns:
        The text.
    """
    return _EXPORT.sub("", joined(*names))


def _collect(name: str, texts: dict[str, str]) -> None:
    text = (HERE / name).read_text(encoding="utf-8")
    for needed in _IMPORT.findall(text):
        if needed not in texts:
            _collect(needed, texts)
    texts[name] = _IMPORT.sub("", text)
