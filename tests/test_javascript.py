"""The JavaScript: its types, its lint, and its pure functions in plain node. How it is typed: tests/js/types.d.ts."""

import json
import os
import re
import subprocess

import pytest
from js import check

TYPES = check.HERE / "types.d.ts"


@pytest.fixture(scope="module", autouse=True)
def _node():
    """Node and its packages; without them the tests are skipped, on CI they fail."""
    if lacks := check.missing():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(lacks)


def project(folder, **options) -> str:
    """A tsconfig.json in `folder` that checks the modules there as ours are checked."""
    config = {
        "extends": str(check.HERE / "tsconfig.json"),
        "compilerOptions": {"rootDir": str(folder), **options},
        "include": [str(TYPES), "*.js"],
    }
    (folder / "tsconfig.json").write_text(json.dumps(config))
    return str(folder)


def untyped_exports(done: subprocess.CompletedProcess) -> list[str]:
    """What tsc, told to refuse parameters without a type, says of lines that export or render."""
    said = re.findall(r"(?m)^(.+)\((\d+),\d+\): (error TS70.+)", done.stdout)
    lines = {path: (check.HERE / path).read_text(encoding="utf-8").splitlines() for path, _, _ in said}
    public = ("export ", "function render(")
    return [f"{path}:{line} {what}" for path, line, what in said if lines[path][int(line) - 1].startswith(public)]


@pytest.mark.parametrize("name", check.TOOLS)
def test_nothing_is_found(name):
    done = check.run(name)
    assert done.returncode == 0, done.stdout


def test_what_is_exported_is_typed():
    done = check.run("types", ".", "--noImplicitAny")
    assert not untyped_exports(done)


# The checks themselves: what is planted is found, and no module is left out


def test_every_module_is_checked():
    listed = check.run("types", ".", "--listFilesOnly").stdout.splitlines()
    assert {str(path) for path in check.MODULES.rglob("*.js")} <= {os.path.normpath(line) for line in listed}


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("/** @param {Point} p */\nexport const f = (p) => p.length + p[2];\n", "TS2493"),
        ("/** @param {View} view */\nexport const f = ({ model }) => model.save();\n", "'save' does not exist"),
        ("/** @param {View<{ t: number }>} view */\nexport const f = ({ model }) => model.get('tt');\n", "TS2345"),
        ('import { f } from "./other.js";\nexport const g = f(1);\n', "TS2345"),
        ("export const f = new Float16Array(4);\n", "Float16Array"),
    ],
    ids=["a tuple's third", "no such method", "no such trait", "another module's argument", "too new for browsers"],
)
def test_a_planted_type_error_is_found(tmp_path, planted, said):
    (tmp_path / "other.js").write_text("/** @param {string} s */\nexport const f = (s) => s;\n")
    on = project(tmp_path)
    assert check.run("types", on).returncode == 0
    (tmp_path / "planted.js").write_text(planted)
    done = check.run("types", on)
    assert done.returncode != 0
    assert said in done.stdout


def test_a_planted_export_without_types_is_found(tmp_path):
    (tmp_path / "planted.js").write_text("const g = (x) => x;\nexport function f(x) {\n  return g(x);\n}\n")
    on = project(tmp_path, noImplicitAny=True)
    found = untyped_exports(check.run("types", on))
    assert len(found) == 1
    assert "planted.js:2 " in found[0]


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        ('import { f } from "./other.js";\nexport const g = 1;\n', "noUnusedImports"),
        ("export function f(x) {\n  const y = 2 * x;\n  return x;\n}\n", "noUnusedVariables"),
        ("export const f = (x) => x == 1;\n", "noDoubleEquals"),
        ('export const f = () => console.log("here");\n', "noConsole"),
        ("export const f = (text) => eval(text);\n", "noGlobalEval"),
    ],
)
def test_a_planted_lint_error_is_found(tmp_path, planted, rule):
    (tmp_path / "planted.js").write_text(planted)
    done = check.run("lint", tmp_path)
    assert done.returncode != 0
    assert f"/{rule} " in done.stdout


def test_a_planted_failing_test_is_found(tmp_path):
    (tmp_path / "planted.test.mjs").write_text('import test from "node:test";\ntest("f", () => { throw Error(); });\n')
    assert check.run("units", tmp_path / "planted.test.mjs").returncode != 0
