"""Checks the JavaScript, where node is and what `make test` and `make lint` install for it.

    python tests/js/check.py lint types

Exit status: 0 nothing found, 1 something found, 3 node or a package is missing, as one sentence says.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = HERE.parent.parent / "dilviz" / "show"
INSTALLED = Path(sys.prefix) / "node"
TOOLS = {
    "lint": [INSTALLED / "node_modules/@biomejs/biome/bin/biome", "lint", "--error-on-warnings"],
    "types": [INSTALLED / "node_modules/typescript/bin/tsc", "--pretty", "false", "--project"],
    # The modules stand beside no package.json that calls them modules: node finds out by itself, and need not say so.
    "units": ["--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--test"],
}


def numbers(text: str) -> list[int]:
    """The version in a text: "v20.19.1" is [20, 19, 1]."""
    return [int(number) for number in re.findall(r"\d+", text)]


def missing() -> str:
    """Says in one sentence what the checks lack; empty if nothing."""
    asked = (HERE / "package.json").read_text(encoding="utf-8")
    wanted, node = json.loads(asked)["engines"]["node"], shutil.which("node")
    if node is None:
        return "the JavaScript is not checked: no node is on the PATH"
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    if numbers(version) < numbers(wanted):
        return f"the JavaScript is not checked: node is {version}, and {wanted} is needed"
    have = INSTALLED / "package.json"
    if not have.exists() or have.read_text(encoding="utf-8") != asked:
        return f"the JavaScript is not checked: {INSTALLED} lacks what tests/js/package.json pins, run make lint"
    return ""


def targets(check: str) -> Sequence[Path]:
    """What a check looks at: the modules and their tests, as far as they are its business."""
    return {"lint": [MODULES, HERE], "types": [HERE], "units": sorted(HERE.glob("*.test.js"))}[check]


def run(check: str, *on: Path | str) -> subprocess.CompletedProcess:
    """Runs a check, on other targets than its own if they are named; what it says is in `stdout`."""
    command = ["node", *TOOLS[check], *(on or targets(check))]
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    return subprocess.run([str(part) for part in command], cwd=HERE, **said)


def main(*checks: str) -> int:
    """Runs checks and prints what they found."""
    if lacks := missing():
        print(f"dilviz: {lacks}.", file=sys.stderr)
        return 3
    found = [done.stdout for done in map(run, checks) if done.returncode]
    print(*found, sep="\n", end="")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
