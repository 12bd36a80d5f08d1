"""What the README says is so: its code runs, its commands exist, its pictures and links are there."""

import re
import shlex
import subprocess

import pytest

from dilviz.cli import main
from dilviz.course import card
from tests.lessons import LESSONS, ROOT, read

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("dilviz ")
]


def test_the_first_program_is_ten_lines_and_keeps_two_answers_apart(capsys):
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in program.splitlines() if line.strip()]) <= 10
    exec(compile(program, "README.md", "exec"), {})
    left, right = (int(share) for share in re.findall(r"(\d+)%", capsys.readouterr().out))
    assert left + right >= 90
    assert 35 <= left <= 65


@pytest.mark.parametrize("target", re.findall(r"^make (\w+)", README, re.MULTILINE))
def test_make_knows_the_targets(target):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_the_commands_run(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick = {"train": ["--steps", "60"], "evaluate": ["--num-inference-steps", "2"]}
    if arguments[0] == "evaluate":  # of the training that the line before it has made
        assert main(["train", "fork", "--demos", "2", "--steps", "20", "--out", arguments[1]]) == 0
    assert main([*arguments, *quick.get(arguments[0], [])]) == 0


def test_every_picture_and_link_is_there():
    places = re.findall(r"\]\(([^)]+)\)", README)
    assert places
    for place in places:
        assert (ROOT / place).is_file(), place


def test_every_lesson_is_in_the_table_with_its_minutes():
    for path in LESSONS:
        minutes = re.search(r"\*\*Time\*\* (\d+) minutes", read(path).cells[0].source)[1]
        row = rf"^\| \[{path.stem[:2]} .*\]\(notebooks/{path.name}\) \|.*\| {minutes} \|$"
        assert re.search(row, README, re.MULTILINE)


def test_the_figures_of_what_ships_are_those_of_its_cards():
    rows = re.findall(r"^\| `([\w-]+):(\w+)` \| ([\d.]+) % \|(.*)\|$", README, re.MULTILINE)
    assert len(rows) == 6
    for task, policy, rate, sides in rows:
        found = card(task, policy)["evaluate"]
        assert rate == f"{100 * found['success_rate']:.1f}"
        assert sides.strip() == ", ".join(map(str, found["modes"].values()))
