"""The house of DESIGN: arrows between its parts run one way, and the mathematics needs no window to look through."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Each part may use those on lower floors. On the top floor stands the command, which may be several files.
FLOORS = [
    {"errors"},
    {"assets", "diffusion"},
    {"doctor", "envs", "imitation"},
    {"tasks"},
    {"show"},
    {"course"},
    {
        "__main__",
        "bench",
        "bench_latency",
        "bench_live",
        "bench_ui",
        "cli",
        "commands",
        "comparison",
        "evaluation",
        "folders",
        "lab",
    },
]
FLOOR = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}
TOP = len(FLOORS) - 1
MATHEMATICS_MAY_USE = {"dilviz", "numpy", "safetensors", "torch", "tqdm"}


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): ast.parse(path.read_text()) for path in sorted((ROOT / "dilviz").rglob("*.py"))}


def imported(tree, modules=MODULES):
    """The modules that a source names in its imports, those within functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written out"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules else node.module


def part(module):
    return [*module.split("."), "__init__"][1]


def upward(modules):
    """The imports that run up, or sideways, as "importer -> imported"."""
    for module, tree in modules.items():
        for other in imported(tree, modules):
            a, b = part(module), part(other)
            if not other.startswith("dilviz.") or a in ("__init__", b):
                continue
            if FLOOR[b] >= FLOOR[a] and not FLOOR[a] == FLOOR[b] == TOP:
                yield f"{module} -> {other}"


def test_every_part_has_a_floor():
    assert {part(module) for module in MODULES} - {"__init__"} <= set(FLOOR), "give the new part a floor in this file"


def test_the_arrows_between_the_parts_run_down():
    assert list(upward(MODULES)) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("dilviz.diffusion.new", "from dilviz.imitation import rollout"),
        ("dilviz.envs.new", "import dilviz.imitation.episodes"),
        ("dilviz.show.new", "def f():\n    from dilviz.course.bugs import BUGS"),
        ("dilviz.tasks", "from dilviz import cli"),
        ("dilviz.course.new", "from dilviz.commands import tasks"),
    ],
)
def test_an_arrow_that_runs_up_is_found(module, line):
    assert len(list(upward(MODULES | {module: ast.parse(line)}))) == 1


def test_no_module_needs_itself():
    graph = {module: {o for o in imported(tree) if o in MODULES} - {module} for module, tree in MODULES.items()}
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_the_mathematics_uses_torch_numpy_safetensors_and_tqdm_alone():
    for module, tree in MODULES.items():
        if part(module) == "diffusion":
            used = {name.split(".")[0] for name in imported(tree)} - sys.stdlib_module_names
            assert used <= MATHEMATICS_MAY_USE, module


def test_the_mathematics_loads_no_notebook_no_widget_no_environment_and_no_plot():
    heavy = ["IPython", "ipywidgets", "gymnasium", "plotly", "matplotlib", "anywidget", "scipy"]
    code = f"import sys, dilviz.diffusion; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
