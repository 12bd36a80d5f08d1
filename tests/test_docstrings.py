"""Every public function, class and method says what it takes, gives and raises, and where its mathematics is from.

One line; then Args with each argument by name (tensors with their shape), Returns, Raises, Source. What takes nothing
may say in its one line what it gives.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SECTIONS = ("Args", "Returns", "Raises", "Source")
# What computes a published formula, in dilviz.diffusion, names its paper.
MATHEMATICS = {
    "NoiseSchedule", "NoiseSchedule.add_noise", "NoiseSchedule.add_noise_step", "NoiseSchedule.posterior",
    "NoiseSchedule.velocity", "posterior_coefficients", "mixing_table", "time_embedding", "ExactDenoiser",
    "TemporalUNet", "ddpm_update", "ddim_update", "dpm_solver_update", "fit",
}  # fmt: skip


def public(tree):
    """(qualified name, node) of every public definition: functions, classes, methods, and __call__."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        yield node.name, node
        for inner in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(inner, ast.FunctionDef) and (not inner.name.startswith("_") or inner.name == "__call__"):
                yield f"{node.name}.{inner.name}", inner


def sections(docstring):
    """The text of each section by its name; "" holds what stands above them."""
    parts, current = {"": []}, ""
    for line in docstring.splitlines():
        heading = re.fullmatch(r"(\w+):", line)
        current = heading.group(1) if heading and heading.group(1) in SECTIONS else current
        parts.setdefault(current, [])
        if not heading:
            parts[current].append(line)
    return {name: "\n".join(lines).strip("\n") for name, lines in parts.items()}


def entries(section):
    """name -> text of a section whose entries are indented by four spaces."""
    found = re.findall(r"^ {4}\*{0,2}(\w+): (.*(?:\n {8,}.*)*)", section, re.MULTILINE)
    return dict(found)


def is_dataclass(node):
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def is_property(node):
    return any(
        "property" in ast.unparse(decorator) or ".setter" in ast.unparse(decorator) for decorator in node.decorator_list
    )


def arguments(node):
    """name -> annotation of what a caller gives: of a class, to its constructor."""
    if isinstance(node, ast.ClassDef):
        if is_dataclass(node):
            fields = [n for n in node.body if isinstance(n, ast.AnnAssign) and not n.target.id.startswith("_")]
            return {field.target.id: ast.unparse(field.annotation) for field in fields}
        constructor = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        return arguments(constructor[0]) if constructor else {}
    given = node.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return {
        a.arg: ast.unparse(a.annotation) if a.annotation else ""
        for a in every
        if a is not None and a.arg not in ("self", "cls") and not a.arg.startswith("_")
    }


def keywords(node):
    """The name of **options, of a function or a class's constructor, in a set; empty if there are none."""
    if isinstance(node, ast.ClassDef):
        return set().union(*(keywords(n) for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"))
    return {node.args.kwarg.arg} if node.args.kwarg else set()


def raises_input_error(node):
    """Whether it does so itself: in its own lines, or for a class in its constructor."""
    if isinstance(node, ast.ClassDef):
        return any(raises_input_error(n) for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
    return any(isinstance(n, ast.Raise) and n.exc and "InputError" in ast.unparse(n.exc) for n in ast.walk(node))


def faults(name, node, mathematics=()):
    """What a docstring lacks."""
    docstring = ast.get_docstring(node)
    if not docstring:
        yield "has no docstring"
        return
    parts = sections(docstring)
    first = docstring.splitlines()[0]
    if not re.search(r"[.!?:)]$", first):
        yield "does not say in one line what it is"
    if isinstance(node, ast.FunctionDef) and is_property(node):
        return
    given, told = arguments(node), entries(parts.get("Args", ""))
    options = keywords(node)  # may be told of one by one
    if set(given) - options != set(told) - options and not (options and set(given) - options <= set(told)):
        yield f"takes {sorted(given)}, but tells of {sorted(told)}"
    for argument, annotation in given.items():
        if re.match(r"Tensor\b", annotation) and not re.search(
            r"\(.*\)|shape|like|as in|single|any", told.get(argument, "()")
        ):
            yield f"does not tell the shape of {argument}"
    if isinstance(node, ast.FunctionDef):
        returned = ast.unparse(node.returns) if node.returns else ""
        told_in_one_line = not given and docstring == first
        if returned not in ("", "None", "NoReturn") and "Returns" not in parts and not told_in_one_line:
            yield f"returns {returned}, but does not tell what it is"
        result = first if told_in_one_line else parts.get("Returns", "")
        if returned == "Tensor" and not re.search(r"\(.*\)|shape|like", result):
            yield "does not tell the shape of what it returns"
    if raises_input_error(node) and "InputError" not in entries(parts.get("Raises", "")):
        yield "raises InputError, but does not tell when"
    if name in mathematics and not re.search(r"\d{4}", parts.get("Source", "")):
        yield "does not name its source"


FILES = sorted((ROOT / "dilviz").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_every_public_docstring_tells_arguments_results_errors_and_source(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the file does not say what it is for"
    mathematics = MATHEMATICS if path.parent.name == "diffusion" else ()
    found = [f"{name}: {fault}" for name, node in public(tree) for fault in faults(name, node, mathematics)]
    assert not found, "\n".join(found)


def test_all_mathematics_that_is_to_name_a_source_is_there():
    names = {name for path in FILES for name, _ in public(ast.parse(path.read_text()))}
    assert names >= MATHEMATICS


GOOD = '''
def f(x: Tensor, *, n: int) -> Tensor:
    """Do it.

    Args:
        x: (B, dim) data.
        n: how often.

    Returns:
        (B, dim), more of it.

    Raises:
        InputError: n is too small.
    """
    raise InputError
'''


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("", ""), None),
        (('"""Do it.', '"""Do it'), "in one line"),
        (("        n: how often.\n", ""), "tells of ['x']"),
        (("n: how often", "m: how often"), "tells of ['m', 'x']"),
        (("x: (B, dim) data", "x: data"), "shape of x"),
        (("    Returns:\n        (B, dim), more of it.\n", ""), "does not tell what it is"),
        (("(B, dim), more", "more"), "shape of what it returns"),
        (("InputError: n", "ValueError: n"), "does not tell when"),
    ],
)
def test_what_a_docstring_lacks_is_found(change, fault):
    [(name, node)] = public(ast.parse(GOOD.replace(*change)))
    found = list(faults(name, node))
    assert not found if fault is None else any(fault in said for said in found), found
