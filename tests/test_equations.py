"""The linked equations without a browser: what is shown is what the code on screen gives."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from dilviz.diffusion import NoiseSchedule
from dilviz.diffusion.schedule import posterior_coefficients
from dilviz.errors import InputError
from dilviz.show.equations import SYMBOLS, LinkedEquations, equation_values, value_in_words
from dilviz.show.equations_text import CODE, EQUATIONS

TIMES = [0, 3, 4, 5, 23, 25, 47, 49]


@pytest.fixture(scope="module")
def table():
    return LinkedEquations()._table


def on_screen(t):
    """What the code that is shown gives, when it is run as it stands: names -> values."""
    names = {}
    lines = [line for equation in EQUATIONS for line in equation["code"]]
    exec("\n".join([CODE.replace("T_NOW", str(t)), *lines]), names)
    return names


@pytest.mark.parametrize("t", TIMES)
def test_every_value_is_what_the_code_on_screen_gives(t, table):
    names = on_screen(t)
    values = equation_values(t)
    assert values.keys() == SYMBOLS.keys()
    for name, symbol in SYMBOLS.items():
        wanted = eval(symbol.code, names)
        torch.testing.assert_close(values[name], wanted, rtol=1e-9, atol=1e-12, msg=lambda m, name=name: f"{name}: {m}")
        shown = table["symbols"][name]
        assert shown["shape"] == str(tuple(wanted.shape))
        assert shown["values"][t] == value_in_words(values[name])


@pytest.mark.parametrize("t", TIMES)
def test_the_values_keep_the_three_equations(t):
    v, schedule, s = equation_values(t), NoiseSchedule(50), max(t - 5, -1)
    column = {name: value.reshape(-1, 1, 1) for name, value in v.items()}
    torch.testing.assert_close(v["xt"], column["signal_scale"] * v["x0"] + column["noise_scale"] * v["noise"])
    torch.testing.assert_close(v["loss"], (v["noise"] - v["denoiser"]).square().sum(2).mean() / 2)
    sample_form = (v["x0"] - v["x0_hat"]).square()
    torch.testing.assert_close(sample_form, column["weight"] * (v["noise"] - v["denoiser"]).square())
    u, w, variance = posterior_coefficients(schedule.alpha_bar(t), schedule.alpha_bar(s))
    for name, wanted in {"u": u, "w": w, "variance": variance}.items():
        torch.testing.assert_close(v[name].flatten(), wanted.expand(16))
    torch.testing.assert_close(v["mean"], column["u"] * v["x0"] + column["w"] * v["xt"])


def test_the_picture_is_drawn_at_the_same_numbers(table):
    for t in TIMES:
        v = equation_values(t)
        for name, moments in table["first"].items():
            drawn = torch.tensor(moments[t], dtype=torch.float64).flatten()
            torch.testing.assert_close(drawn, v[name].reshape(16, -1)[0], rtol=0, atol=5.1e-5)
        torch.testing.assert_close(torch.tensor(table["batch"][t]).double(), v["xt"].flatten(1), rtol=0, atol=5.1e-5)


def test_a_value_has_three_digits_and_says_which_row():
    assert value_in_words(torch.tensor(0.123456)) == "0.123"
    assert value_in_words(torch.full((16,), 25)) == "25 in every row"
    assert value_in_words(torch.tensor([[[1.0, -2.0]], [[3.0, 4.0]]])) == "1, -2 in the first row"


def named(line):
    for part in line:
        yield from named(part) if isinstance(part, list) else [] if part.startswith("=") else [part]


def test_every_symbol_can_be_reached_and_every_part_is_known():
    in_equations = {name for equation in EQUATIONS for line in equation["lines"] for name in named(line)}
    words = {word for equation in EQUATIONS for line in equation["code"] for word in re.findall(r"\w+", line)}
    assert in_equations == SYMBOLS.keys()
    for name, symbol in SYMBOLS.items():
        assert words & set(symbol.tokens), f"{name} is nowhere in the code"
        inner = {node.get("data-symbol") for node in ET.fromstring(symbol.math).iter()} - {None}
        assert inner <= SYMBOLS.keys() - {name}


def test_python_chooses_symbol_and_time():
    equations = LinkedEquations()
    equations.symbol, equations.t = "alpha_bar", 7
    left = NoiseSchedule(50).alpha_bar(7).item()
    assert repr(equations) == (
        "LinkedEquations(symbol='alpha_bar', t=7): share of the data's variance that is left at t; "
        f"in code alpha_bar; shape (16,); {left:.3g} in every row"
    )
    equations.symbol = ""
    assert repr(equations) == "LinkedEquations(symbol='', t=7)"
    (bundle, _) = equations._repr_mimebundle_()
    assert bundle["text/plain"] == repr(equations)


@pytest.mark.parametrize("symbol", ["alpha", "X0", None, 3, "x0 ", ["x0"]])
def test_an_unknown_symbol_is_refused_in_a_sentence(symbol):
    equations = LinkedEquations(symbol="noise")
    with pytest.raises(InputError, match=r"no symbol .+; take one of xt, x0, noise, .*or '' for none\.$"):
        equations.symbol = symbol
    assert equations.symbol == "noise"
    with pytest.raises(InputError, match="no symbol"):
        LinkedEquations(symbol=symbol)


@pytest.mark.parametrize("t", [-1, 50, 2.5, "25", True, None])
def test_another_time_is_refused_in_a_sentence(t):
    equations = LinkedEquations(t=11)
    with pytest.raises(InputError, match=r"t is .+; give a whole number from 0 to 49\."):
        equations.t = t
    assert equations.t == 11
    with pytest.raises(InputError, match="whole number from 0 to 49"):
        equation_values(t)
