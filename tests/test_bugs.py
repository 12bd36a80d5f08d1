"""Every planted bug turns the test that is named beside it red, and leaves nothing behind."""

import importlib
import re

import pytest

from dilviz.course.bug import Bug
from dilviz.course.bugs import BUGS

every_bug = pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)


def named_test(bug):
    file, name = bug.caught_by.split("::")
    return getattr(importlib.import_module(file.removesuffix(".py")), name)


@every_bug
def test_the_named_test_is_green_without_the_bug_and_red_with_it(bug):
    test = named_test(bug)
    test()
    with bug.planted(), pytest.raises(AssertionError):
        test()
    test()


@every_bug
def test_a_bug_is_gone_when_it_has_been_looked_at_even_if_that_raised(bug):
    def state():
        return [vars(owner)[attribute] for owner, attribute, _ in bug.patches]

    def look():
        with bug.planted():
            assert all(now is wrong for now, (_, _, wrong) in zip(state(), bug.patches, strict=True))
            raise ZeroDivisionError

    before = state()
    with pytest.raises(ZeroDivisionError):
        look()
    assert all(now is then for now, then in zip(state(), before, strict=True))


def test_a_bug_that_cannot_be_planted_is_not_half_planted():
    class Owner:
        right = 1

    bug = Bug("half", "", "", "", ((Owner, "right", 2), (Owner, "missing", 3)))
    with pytest.raises(KeyError), bug.planted():
        pass
    assert Owner.right == 1


def test_the_table_names_each_bug_once_and_says_one_sentence():
    wanted = {
        "no_time_embedding", "alpha_for_alpha_bar", "lost_square_root", "noise_at_last_step", "t_off_by_one",
        "wrong_sign", "clip_too_tight", "unscaled_data", "doubled_variance", "linear_schedule_too_short",
    }  # fmt: skip
    assert wanted <= BUGS.keys()
    for name, bug in BUGS.items():
        assert bug.name == name
        assert re.fullmatch(r"[A-Z][^\n]*\.", bug.says), name
        assert not re.search(r"\. [A-Z]", bug.says), f"{name} says more than one sentence"
    assert len({bug.says for bug in BUGS.values()}) == len({bug.title for bug in BUGS.values()}) == len(BUGS)
