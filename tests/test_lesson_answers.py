"""Lessons with their solutions, and with answers that people typically give, in one running kernel."""

import pytest

from tests.lessons import LESSONS, answerable, read, run, running

each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)

COMPLETE_00 = "def best_guess(answers):\n    "
TRANSFER_00 = "def needs_diffusion(answers):\n    "
OFF_00 = "d = (answers - answers.mean(0)).norm(dim=1)\n    "
PAD_00 = "pad = walk_pad()\n"

COMPLETE_01 = "def noised(x0, noise, t, betas):\n    "
TRANSFER_01 = "def my_alphas_cumprod(T):\n    "

PAD_02 = "from dilviz.course.lesson_02 import MARKED, DATA\npad = best_answer_pad()\n"
POSE_02 = "pad.points = [[x, float(f)] for x, f in zip(MARKED.tolist(), {})]"
BEST_02 = "DATA.denoised(torch.tensor(MARKED), pad.alpha_bar)"
COMPLETE_02 = "def my_loss(denoiser, schedule, x0, noise, t, prediction_type):\n    "
TARGET_02 = """v = schedule.velocity(x0, noise, t)
    target = {"epsilon": noise, "sample": x0, "v_prediction": v}[prediction_type]
    xt = schedule.add_noise(x0, noise, t)
    """
TRANSFER_02 = "def my_denoiser(xt, alpha_bar, points, weights):\n    "
FAR_02 = "d = ((xt[:, None] - alpha_bar**0.5 * points) ** 2).sum(-1)\n    "

EPS_04 = "eps = (xt - alpha_bar_t.sqrt() * x0) / (1 - alpha_bar_t).sqrt()\n    "
COMPLETE_04 = "def ddim_step(xt, x0, alpha_bar_t, alpha_bar_s):\n    "
PAD_03 = "pad = floor_pad()\n"
COMPLETE_03 = "def forward(self, xt, t, cond):\n    "
TOLD_03 = COMPLETE_03 + "told = torch.cat([xt.flatten(1), time_embedding(t), cond], dim=1)\n    "
TRANSFER_03 = "def generate(points, count):\n    "
TRAINED_03 = (
    TRANSFER_03
    + """low, high = points.amin(0), points.amax(0)
    x0 = 2 * (points - low) / (high - low) - 1
    net, schedule = MLPDenoiser(1, 2, width=64), NoiseSchedule(50)
    fit(net, schedule, x0[:, None], steps={}, lr=1e-2)
    samples = ddim(net, schedule, torch.randn(count, 1, 2), 20)[:, 0]
    """
)

TRANSFER_04 = "def my_timesteps(schedule, n):\n    "
ENDS_04 = "a, b = float(schedule.log_snr(len(schedule) - 1)), float(schedule.log_snr(0))\n    "
PAD_04 = "import numpy as np\nfrom dilviz.course.lesson_04 import KNOWN, ways_from\npad = ends_pad()\n"

PAD_05 = "from dilviz.course.lesson_05 import reacting\npad = pushed_pad()\n"
COMPLETE_05 = "def mixture_loss(log_weight, mean, std, target):\n    "
LOG_P_05 = """far = (target[:, None] - mean) / std
    log_p = -(far**2 / 2 + std.log() + math.log(2 * math.pi) / 2).sum(2)
    """
TRANSFER_05 = "def my_lookup(look, seen, chunks):\n    "
SCALED_05 = """low, high = seen.amin(0), seen.amax(0)
    gaps = ((seen - low) / (high - low) - (look - low) / (high - low)).norm(dim=1)
    """

PAD_06 = "pad = horizon_pad(); pad.pose(pad.questions[{}])\n"
POINTS_06 = PAD_06 + "pad.points = [[n, y] for n, y in zip(pad.world.acted, {})]"
COMPLETE_06 = "def receding(plan, world, seen, obs_horizon, action_horizon, steps):\n    "
LOOP_06 = """while len(seen) < obs_horizon + steps:
        chunk = plan(torch.stack(seen[-obs_horizon:]))
        for action in chunk[obs_horizon - 1 :][:action_horizon]:
            seen.append(world(seen[-1], action))
    """
RETURN_06 = "return seen"
TRANSFER_06 = "def my_cost(actions, seen):\n    "
WAY_06 = "way = (seen[:, -1, 2] - seen[:, -1, 5]).sign()\n    "

PAD_10 = "from dilviz.course.lesson_10 import SharePad\npad = share_pad()\n"
POSED_10 = PAD_10 + "pad.pose(SharePad.questions[{}]); pad.strokes = {}"
COMPLETE_10 = "def address(state):\n    "
PAIRS_10 = """plain = {ord(mark): None for mark in '() '}
    pairs = [f'{k}={str(v).lower().translate(plain)}' for k, v in state.items()]
    """

AT = "from dilviz.course.lesson_01 import MARKED\npad = prediction_pad()\n"

# exercise -> (answer, what the learner reads)
WRONG = {
    "00.predict": [
        (PAD_00 + "pad.strokes = [[[pad.start, 0.07], [0.15, 0.5], [0.5, 0.93]]]", "that is how the experts walk"),
        ("", "the truth is on the pad"),
        (PAD_00 + "pad.strokes = [[[pad.start, 0.07], [0.5, 0.93]]]", "nobody walks through the tree"),
        (PAD_00 + "pad.strokes = [[[pad.start, 0.07], [pad.start, 0.1]]]", "your stroke stops before"),
        (PAD_00 + "pad.strokes = [[[pad.start, 0.07], [0.1, 0.3]]]", "it ends at x = "),
        # The truth that has just been shown, on a new pad.
        (
            PAD_00 + "shown = pad.start; pad.strokes = [[[shown, 0.07], [0.9, 0.9]]]; check('00.predict', pad); "
            "pad = walk_pad(); pad.strokes = [[[shown, 0.07], [0.9, 0.5], [0.9, 0.9]]]",
            "ress Clear",
        ),
        (PAD_00 + "pad.strokes = [[[pad.start, 0.07], [pad.start, 0.071]]]", "that is a dot"),
        (PAD_00 + "pad.strokes = [[[pad.start, 0.155], [pad.start, 0.166]]]", "your stroke stops before"),
        (PAD_00 + "pad.strokes = [[[pad.start, 0.07], [pad.start, 0.14]]]", "your stroke stops before"),
        (PAD_00 + "pad.strokes = [[[pad.start, 0.07], [pad.start, 0.38]]]", "close enough, and 0.08 at its end"),
        (PAD_00 + "pad.strokes = [[[pad.start, 0.07], [pad.start - 0.15, 0.2]]]", "close enough"),
        (PAD_00 + "pad.strokes = [[[0.5, 0.07], [0.5, 0.2]], [[0.1, 0.1], [0.2, 0.2]]]", "2 are on the pad"),
        ("pad.strokes = []", "0 are on the pad"),
        ("pad = 'up'", "reads the pad, but got str"),
    ],
    "00.complete": [
        (COMPLETE_00 + "pass", "returns nothing"),
        (COMPLETE_00 + "return answers.median(dim=0).values", "the median"),
        (COMPLETE_00 + "return answers[0]", "the first answer"),
        (COMPLETE_00 + "return answers.sum(0)", "divide by how many"),
        (COMPLETE_00 + "return answers.mean()", "the shape is ()"),
        (COMPLETE_00 + "return answers.mean().expand(answers.shape[1])", "an average of its own"),
        (COMPLETE_00 + "return (answers.max(0).values + answers.min(0).values) / 2", "halfway between the extremes"),
        (COMPLETE_00 + "return answers.mean(dim=1)", "the shape is"),
        (COMPLETE_00 + "return 0 * answers[0]", "fresh inputs come out wrong"),
        (COMPLETE_00 + "return answers[(answers - answers.mean(0)).norm(dim=1).argmin()]", "nearest to the average"),
        ("best_guess = 0", "asks for a function"),
    ],
    "00.debug": [
        ("answer = 'clip too tight'", "in which way do all of the mystery's walks agree?"),
        ("answer = 'unscaled_data'", "in which way do all of the mystery's walks agree?"),
        ("answer = 'no_time_embedding'", "in which way do all of the mystery's walks agree?"),
        ("answer = 'noise'", "not among the suspects"),
        ("answer = None", "write the suspect's name"),
    ],
    "00.transfer": [
        (TRANSFER_00 + "pass", "returns nothing"),
        (TRANSFER_00 + "return True", "your function says True"),
        (TRANSFER_00 + "return False", "your function says False"),
        (TRANSFER_00 + "return answers.std() > 0.3", "your function says"),
        (TRANSFER_00 + OFF_00 + "return d.min() > 0.2", "your function says"),
        (TRANSFER_00 + OFF_00 + "return d > 0.5 * d.mean()", "where one True or False is expected"),
        (TRANSFER_00 + "return answers.mean(0).norm() < 0.8 * answers.norm(dim=1).mean()", "your function says"),
        (TRANSFER_00 + "return answers.std(0).max() > 0.3 * answers.norm(dim=1).mean()", "your function says"),
        (TRANSFER_00 + "return 'yes'", "returns str"),
        ("needs_diffusion = True", "asks for a function"),
    ],
    "01.predict": [
        (AT + "pad.points = MARKED.tolist()", "you left them where the data is"),
        ("", "the truth is on the pad"),
        (AT + "pad.points = (pad.alpha_bar * MARKED).tolist()", "you shrank by ᾱ"),
        (AT + "pad.points = ((1 - pad.alpha_bar) ** 0.5 * MARKED).tolist()", "the noise's factor"),
        (AT + "pad.points = (0 * MARKED).tolist()", "all three went to the middle"),
        (AT + "pad.points = (pad.alpha_bar ** 0.5 * MARKED + [[0, 0], [0, 0], [0, 0.2]]).tolist()", "close enough"),
        # The truth that has just been shown, on the same pad and on a new one.
        (
            AT + "shown = pad.alpha_bar; pad.points = MARKED.tolist(); check('01.predict', pad); "
            "pad.points = (shown ** 0.5 * MARKED).tolist()",
            "ress Clear",
        ),
        (
            AT + "shown = pad.alpha_bar; pad.points = MARKED.tolist(); check('01.predict', pad); "
            "pad = prediction_pad(); pad.points = (shown ** 0.5 * MARKED).tolist()",
            "ress Clear",
        ),
        ("pad = prediction_pad(); pad.points = [[0.4, 0]]", "1 are on the pad"),
        ("pad.points = []", "0 are on the pad"),
        ("pad = 3", "reads the pad, but got int"),
    ],
    "01.complete": [
        (COMPLETE_01 + "pass", "returns nothing"),
        (COMPLETE_01 + "return x0", "fresh inputs come out wrong"),
        (COMPLETE_01 + "return 0.5 * x0 + 0.5 * noise", "fresh inputs come out wrong"),
        (
            COMPLETE_01 + "a = 1 - betas[t]\n    return a.sqrt() * x0 + (1 - a).sqrt() * noise",
            "the alpha of a single step",
        ),
        (COMPLETE_01 + "a = (1 - betas).cumprod(0)[t]\n    return a.sqrt() * x0 + (1 - a) * noise", "square root"),
        (
            COMPLETE_01 + "a = (1 - betas).cumprod(0)[t]\n    return a * x0 + (1 - a) * noise",
            "instead of their square roots",
        ),
        (
            COMPLETE_01 + "a = (1 - betas).cumprod(0)[t - 1]\n    return a.sqrt() * x0 + (1 - a).sqrt() * noise",
            "too early",
        ),
        (COMPLETE_01 + "a = betas.cumprod(0)[t]\n    return a.sqrt() * x0 + (1 - a).sqrt() * noise", "product of β"),
        (COMPLETE_01 + "a = (1 - betas).cumprod(0)[t]\n    return x0 + ((1 - a) / a).sqrt() * noise", "exploding"),
        (COMPLETE_01 + "a = (1 - betas).prod()\n    return a.sqrt() * x0 + (1 - a).sqrt() * noise", "of the last step"),
        (COMPLETE_01 + "a = (1 - betas).cumprod(0)[t]\n    return a.sqrt() * x0 - (1 - a).sqrt() * noise", "a minus"),
        (COMPLETE_01 + "a = (1 - betas).cumprod(0)[t]\n    return a * x0 + torch.randn_like(x0)", "called twice"),
        (
            COMPLETE_01 + "for b in betas[:t + 1]:\n        x0 = (1 - b).sqrt() * x0 + b.sqrt() * noise\n    return x0",
            "same noise in every step",
        ),
        (
            COMPLETE_01 + "a = (1 - betas[:10]).prod()\n    return a.sqrt() * x0 + (1 - a).sqrt() * noise",
            "fresh inputs come out wrong",
        ),
        (COMPLETE_01 + "a = (1 - betas).cumprod(0)[t]\n    return a.sqrt() * noise + (1 - a).sqrt() * x0", "swapped"),
        (COMPLETE_01 + "return (x0 + noise)[0]", "the shape is"),
        (COMPLETE_01 + "return x0 / 0 * 0", "no finite number"),
        (COMPLETE_01 + "return x0 + nosie", "NameError at your line `return x0 + nosie`"),
        (COMPLETE_01 + "return 'done'", "returns str"),
        ("noised = 4", "asks for a function"),
        (COMPLETE_01 + "raise SystemExit(1)", "SystemExit"),
        (COMPLETE_01 + "return (x0 + 1j).to(torch.complex64)", "complex"),
    ],
    "01.debug": [
        ("answer = 'lost both roots'", "compare the two curves"),
        ("answer = 'alpha_for_alpha_bar'", "compare the two curves"),
        ("answer = 'typo'", "not among the suspects"),
        ("answer = None", "write the suspect's name"),
        ("answer = torch.ones(2)", "not among the suspects"),
    ],
    "01.transfer": [
        (TRANSFER_01 + "pass", "returns nothing"),
        (TRANSFER_01 + "return torch.linspace(1, 0, T)", "the first ᾱ is 1; begin with 0.95 or more, but below 1"),
        (TRANSFER_01 + "return torch.linspace(0.01, 0.99, T)", "the first ᾱ is 0.01"),
        (TRANSFER_01 + "return torch.linspace(0.99, 0.3, T)", "the last ᾱ is 0.3"),
        (TRANSFER_01 + "return torch.linspace(0.99, 0.005, 50)", "the shape is (50,)"),
        (TRANSFER_01 + "return NoiseSchedule(T, 'linear').alphas_cumprod", "the last ᾱ is"),
        (TRANSFER_01 + "return 0.5 ** torch.arange(1, T + 1).clamp(max=60)", "the first ᾱ is"),
        (TRANSFER_01 + "return torch.linspace(0.1, 0.001, T)", "the first ᾱ is"),
        (TRANSFER_01 + "return [0.5] * T", "the first ᾱ is 0.5"),
        (TRANSFER_01 + "return torch.linspace(0.99, 0.006, T).round(decimals=2)", "does not fall"),
        (TRANSFER_01 + "return torch.linspace(0.99, 0, T)", "the last ᾱ is 0; end with 0.01 or less, but above 0"),
        (TRANSFER_01 + "return torch.linspace(0.99, 0.005, T) * float('nan')", "NaN"),
        (TRANSFER_01 + "return torch.cat([torch.tensor([0.99]), torch.linspace(0.1, 0.001, T - 1)])", "lowers ᾱ by"),
    ],
    "02.predict": [
        (PAD_02 + POSE_02.format("MARKED"), "you answered with xₜ itself"),
        ("", "the truth is on the pad"),
        (PAD_02 + POSE_02.format("MARKED / pad.alpha_bar**0.5 * (abs(MARKED) < 1)"), "is close enough"),
        (PAD_02 + POSE_02.format("[-1, -1, 0, 1, 1]"), "you chose a side wherever xₜ leans to one"),
        (PAD_02 + POSE_02.format("[s * pad.alpha_bar**0.5 for s in (-1, -1, 0, 1, 1)]"), "and its shrunken place, √ᾱ"),
        # Nearer to the truth than to any idea: no cause is guessed.
        (PAD_02 + "pad.pose(0.5); " + POSE_02.format("[-0.8, -0.5, 0, 0.5, 0.8]"), "0.2 is close enough"),
        (PAD_02 + POSE_02.format("[0] * 5"), "the average of the data; but xₜ does tell something"),
        (PAD_02 + POSE_02.format(f"-{BEST_02}"), "left and right are swapped"),
        (PAD_02 + "pad.pose(0.5); " + POSE_02.format(f"pad.alpha_bar**0.5 * {BEST_02}"), "√ᾱ times the best answer"),
        (PAD_02 + POSE_02.format(f"{BEST_02} + torch.tensor([0, 0, 0, 0, 0.3])"), "0.2 is close enough"),
        # The truth that has just been shown, on a new pad.
        (
            PAD_02 + "shown = pad.alpha_bar; " + POSE_02.format("MARKED") + "; check('02.predict', pad); "
            "pad = best_answer_pad(); " + POSE_02.format("DATA.denoised(torch.tensor(MARKED), shown)"),
            "ress Clear",
        ),
        (PAD_02 + "pad.points = [[0.1 * k, 0.0] for k in range(5)]", "one point on each of the five dotted lines"),
        (PAD_02 + "pad.points = [[0, 0]]", "1 are on the pad"),
        ("pad = 3", "reads the pad, but got int"),
    ],
    "02.complete": [
        (COMPLETE_02 + "pass", "returns nothing"),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(xt, t) - target) ** 2).sum()", "a sum over all numbers"),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(xt, t) - target) ** 2).sum((1, 2)).mean()", "over each row"),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(xt, t) - target) ** 2).mean() / 2", "half of the mean squared"),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(xt, t) - target) ** 2).mean().sqrt()", "the root of the mean"),
        (COMPLETE_02 + TARGET_02 + "return (denoiser(xt, t) - target).abs().mean()", "the mean absolute error"),
        (COMPLETE_02 + TARGET_02 + "return (denoiser(xt, t) - target).mean() ** 2", "square the mean of the errors"),
        (
            COMPLETE_02 + TARGET_02 + "return ((denoiser(xt, t) - target) ** 2).sum(-1).mean()",
            "over the last dimension",
        ),
        (
            COMPLETE_02
            + TARGET_02.replace("velocity(x0, noise", "velocity(noise, x0")
            + "return ((denoiser(xt, t) - target) ** 2).mean()",
            "x0 and noise have changed places in v",
        ),
        (
            COMPLETE_02
            + TARGET_02.replace("schedule.velocity", "-schedule.velocity")
            + "return ((denoiser(xt, t) - target) ** 2).mean()",
            "your v has the other sign",
        ),
        (
            COMPLETE_02
            + TARGET_02
            + "return ((schedule.to_x0(denoiser(xt, t), xt, t, prediction_type) - x0) ** 2).mean()",
            "you compare estimates of x0",
        ),
        (
            COMPLETE_02 + TARGET_02 + "a = schedule.alphas_cumprod[t].float().reshape(-1, 1, 1)\n"
            "    return ((denoiser(a * x0 + (1 - a) * noise, t) - target) ** 2).mean()",
            "their roots are lost",
        ),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(x0, t) - target) ** 2).mean()", "is shown the clean x0"),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(x0 + noise, t) - target) ** 2).mean()", "x0 + noise, whatever t"),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(xt, t) - noise) ** 2).mean()", "the noise for every prediction"),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(xt, t) - x0) ** 2).mean()", "x0 for every prediction type"),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(xt, t) - xt) ** 2).mean()", "your target is x_t"),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(xt, 0 * t) - target) ** 2).mean()", "told time 0 for every row"),
        (
            COMPLETE_02 + TARGET_02 + "xt = schedule.add_noise(noise, x0, t)\n"
            "    return ((denoiser(xt, t) - target) ** 2).mean()",
            "of add_noise are swapped",
        ),
        (
            COMPLETE_02 + TARGET_02 + "xt = schedule.add_noise(x0, torch.randn_like(x0), t)\n"
            "    return ((denoiser(xt, t) - target) ** 2).mean()",
            "when it is called twice",
        ),
        (COMPLETE_02 + TARGET_02 + "return (denoiser(xt, t) - target) ** 2", "the shape is (64, 3, 2) where ()"),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(xt, t) - target) ** 2).mean().item()", "no gradient reaches"),
        (COMPLETE_02 + TARGET_02 + "return ((denoiser(xt, t).detach() - target) ** 2).mean()", "no gradient reaches"),
        (COMPLETE_02 + "return ((denoiser(x_t, t) - noise) ** 2).mean()", "NameError at your line"),
        (
            COMPLETE_02
            + TARGET_02
            + "if prediction_type == 'epsilon':\n        return ((denoiser(xt, t) - noise) ** 2).mean()",
            "answers some inputs, but returns nothing for sample, 32 rows",
        ),
        (
            COMPLETE_02 + TARGET_02 + "target = noise if prediction_type == 'epsilon' else x0\n"
            "    return ((denoiser(xt, t) - target) ** 2).mean()",
            "your target for v_prediction is x0",
        ),
        ("my_loss = 0", "asks for a function"),
    ],
    "02.debug": [
        ("answer = 'lost square root'", "what kind of line is the mystery, and what is its slope?"),
        ("answer = 'wrong_sign'", "what kind of line is the mystery, and what is its slope?"),
        ("answer = 'unscaled_estimate'", "what kind of line is the mystery, and what is its slope?"),
        ("answer = 'noise'", "not among the suspects"),
        ("answer = None", "write the suspect's name"),
    ],
    "02.transfer": [
        (TRANSFER_02 + "pass", "returns nothing"),
        (TRANSFER_02 + "return weights @ points + 0 * xt", "the average of the data"),
        (TRANSFER_02 + FAR_02 + "return points[d.argmin(1)]", "the nearest point"),
        (
            TRANSFER_02 + FAR_02 + "return (-d / (2 * (1 - alpha_bar))).softmax(1) @ points",
            "weights of the points are not",
        ),
        (TRANSFER_02 + FAR_02 + "return (weights.log() - d / (1 - alpha_bar)).softmax(1) @ points", "factor ½"),
        (TRANSFER_02 + FAR_02 + "return (weights.log() - d / (2 * alpha_bar)).softmax(1) @ points", "divide by ᾱ"),
        (
            TRANSFER_02 + FAR_02 + "return (weights.log() - d / (2 * (1 - alpha_bar) ** 0.5)).softmax(1) @ points",
            "divide by √(1−ᾱ)",
        ),
        (TRANSFER_02 + FAR_02 + "return (weights - d / (2 * (1 - alpha_bar))).softmax(1) @ points", "their logarithm"),
        (
            TRANSFER_02 + "d = ((xt[:, None] - points) ** 2).sum(-1)\n"
            "    return (weights.log() - d / (2 * (1 - alpha_bar))).softmax(1) @ points",
            "the points are not shrunk",
        ),
        (
            TRANSFER_02 + "d = ((xt[:, None] - alpha_bar * points) ** 2).sum(-1)\n"
            "    return (weights.log() - d / (2 * (1 - alpha_bar))).softmax(1) @ points",
            "shrunk by ᾱ; it is √ᾱ",
        ),
        (
            TRANSFER_02 + FAR_02 + "w = weights * (-d / (2 * (1 - alpha_bar))).exp()\n"
            "    return w / w.sum(1, keepdim=True) @ points",
            "Let `softmax` do exp and sum",
        ),
        (
            TRANSFER_02 + FAR_02 + "return (weights.log() - d / (2 * (1 - alpha_bar))).softmax(0) @ points",
            "softmax runs over the wrong dimension",
        ),
        (TRANSFER_02 + "return xt", "fresh inputs come out wrong"),
        (TRANSFER_02 + "return points", "the shape is"),
        ("my_denoiser = 4", "asks for a function"),
    ],
    "03.predict": [
        (PAD_03 + "pad.strokes = [[[0, 1], [49, 0]]]", "yours falls with t"),
        ("", "the truth is on the pad"),
        (PAD_03 + "pad.strokes = [[[0, 0], [49, 0]]]", "an error of 0 at every t"),
        (PAD_03 + "pad.strokes = [[[0, 0.5], [49, 0.5]]]", "the same at every t"),
        (PAD_03 + "pad.strokes = [[[0, 0], [49, 0.6]]]", "the best answer is the mean"),
        (PAD_03 + "pad.strokes = [[[0, 0], [49, 1]]]", "0.1 is close enough"),
        (PAD_03 + "pad.strokes = [[[0, 0], [40, 0.05], [49, 1]]]", "the largest difference is at t = "),
        # The truth that has just been shown, on a new pad.
        (
            PAD_03 + "asked = pad.question; pad.strokes = [[[0, 1], [49, 0]]]; check('03.predict', pad); "
            "pad = floor_pad(); assert pad.question != asked",
            "0 are on the pad",
        ),
        (PAD_03 + "pad.strokes = [[[0, 0], [20, 0.6]]]", "from the left edge to the right one"),
        ("pad.strokes = []", "0 are on the pad"),
        ("pad = 0.5", "reads the pad, but got float"),
    ],
    "03.complete": [
        (COMPLETE_03 + "pass", "returns nothing"),
        (TOLD_03 + "return self.layers(told).view_as(xt).detach()", "no gradient comes back"),
        (
            COMPLETE_03 + "told = torch.cat([xt.flatten(1), (t[:, None] / 50).expand(-1, 32), cond], dim=1)\n    "
            "return self.layers(told).view_as(xt)",
            "not shown the waves of t",
        ),
        (COMPLETE_03 + "return xt", "with other weights in self.layers the answer is the same"),
        (COMPLETE_03 + "return torch.zeros_like(xt)", "with other weights in self.layers the answer is the same"),
        (
            COMPLETE_03 + "told = torch.cat([xt.flatten(1), 0 * time_embedding(t), cond], dim=1)\n    "
            "return self.layers(told).view_as(xt)",
            "stays the same when t changes",
        ),
        (
            COMPLETE_03 + "told = torch.cat([xt.flatten(1), time_embedding(t), 0 * cond], dim=1)\n    "
            "return self.layers(told).view_as(xt)",
            "stays the same when cond[0, 0] changes",
        ),
        (
            COMPLETE_03 + "told = torch.cat([0 * xt.flatten(1), time_embedding(t), cond], dim=1)\n    "
            "return self.layers(told).view_as(xt)",
            "stays the same when xt[0, 0, 0] changes",
        ),
        (
            COMPLETE_03 + "x = xt.clone()\n    x[:, -1] = 0\n    "
            "told = torch.cat([x.flatten(1), time_embedding(t), cond], dim=1)\n    "
            "return self.layers(told).view_as(xt)",
            "stays the same when xt[0, 6, 0] changes",
        ),
        (
            COMPLETE_03 + "told = torch.cat([xt.flatten(1), time_embedding(t[:1].expand(len(t))), cond], dim=1)\n    "
            "return self.layers(told).view_as(xt)",
            "when t of row 0 changes, other rows change, too",
        ),
        (TOLD_03 + "return self.layers(told - told.mean(0)).view_as(xt)", "other rows change, too"),
        (TOLD_03 + "return self.layers(told)", "the answer is flat"),
        (TOLD_03 + "return self.layers(told).view(-1, xt.shape[2], xt.shape[1])", "where (11, 7, 3) is expected"),
        (TOLD_03 + "return self.layers(told)[0].view(xt[0].shape)", "the shape is (7, 3)"),
        (TOLD_03 + "return self.layers(told).view_as(xt) + torch.randn_like(xt)", "called twice"),
        (TOLD_03 + "return self.layers(told).view_as(xt) / 0 * 0", "no finite number"),
        (
            COMPLETE_03 + "told = torch.cat([xt.flatten(1), t[:, None], cond], dim=1)\n    return self.layers(told)",
            "RuntimeError at your line `return self.layers(told)`",
        ),
        ("forward = 4", "asks for a function"),
    ],
    "03.debug": [
        ("answer = 'forgot zero_grad'", "compare the losses with the floor"),
        ("answer = 'frozen_average'", "the loss ends at 0.1"),
        ("answer = 'no_time_embedding'", "in the mystery it ends at 0.00"),
        ("answer = 'batch'", "not among the suspects"),
        ("answer = None", "write the suspect's name"),
    ],
    "03.transfer": [
        (TRANSFER_03 + "pass", "returns nothing"),
        (TRANSFER_03 + "return points[:count]", "these are points of the data itself"),
        (TRANSFER_03 + "return points[torch.randint(len(points), (count,))]", "these are points of the data itself"),
        (
            TRANSFER_03 + "return points[torch.randint(len(points), (count,))] + 0.01 * points.std(0) * "
            "torch.randn(count, 2)",
            "no network was trained for these",
        ),
        (TRANSFER_03 + "return points.mean(0).expand(count, 2)", "all your points are nearly the same one"),
        (
            TRANSFER_03 + "return points.mean(0) + points.std(0) * torch.randn(count, 2)",
            "of your points lie on the data",
        ),
        (TRANSFER_03 + "return torch.randn(count, 2)", "all your points are nearly the same one"),
        (TRAINED_03.format(1000) + "return samples", "all your points lie in [-1, 1], but the data does not"),
        (
            TRAINED_03.format(20) + "return low + (samples + 1) / 2 * (high - low)",
            "three heaps, in hundreds of metres: ",
        ),
        (
            TRANSFER_03 + "near = points[(points - points[0]).norm(dim=1).argsort()[:130]]\n    "
            "return near[torch.arange(count) % 130] + 0.01 * points.std(0) * torch.randn(count, 2)",
            "the rest is left out",
        ),
        (TRANSFER_03 + "return points.mean(0)", "the shape is (2,)"),
        (TRANSFER_03 + "return points.mean(0) * torch.full((count, 2), float('nan'))", "no finite numbers"),
        (
            TRANSFER_03 + "net, schedule = MLPDenoiser(1, 2, width=64), NoiseSchedule(50)\n    "
            "fit(net, schedule, points[:, None], steps=50)\n    "
            "return ddim(net, schedule, torch.randn(count, 1, 2), 20)[:, 0]",
            "all your points lie in [-1, 1], but the data does not",
        ),
        (TRANSFER_03 + "return 'points'", "returns str"),
        ("generate = [1, 2]", "asks for a function"),
    ],
    "04.predict": [
        (
            PAD_04 + "gaps = np.linalg.norm(pad.starts[:, None] - KNOWN.means, axis=-1); "
            "pad.points = KNOWN.means[gaps.argmin(1)]",
            "nearest to its start",
        ),
        ("", "the truth is on the pad"),
        (PAD_04 + "pad.points = pad.starts", "where they start"),
        (PAD_04 + "pad.points = [KNOWN.weights @ KNOWN.means] * 4", "no data lies there"),
        (PAD_04 + "pad.points = [KNOWN.means[0]] * 4", "the heaviest heap"),
        (PAD_04 + "pad.points = [[2, 2], [2, -2], [-2, 2], [-2, -2]]", "of the four points lie in a heap"),
        (PAD_04 + "pad.points = -ways_from(pad.starts)[-1]", "of the four points lie in a heap"),
        # The truth that has just been shown, on a new pad.
        (
            PAD_04 + "shown = pad.starts; pad.points = shown; check('04.predict', pad); "
            "pad = ends_pad(); pad.points = ways_from(shown)[-1]",
            "ress Clear",
        ),
        ("pad.points = []", "0 are on the pad"),
        ("pad = 'left'", "reads the pad, but got str"),
    ],
    "04.complete": [
        (COMPLETE_04 + "pass", "returns nothing"),
        (COMPLETE_04 + "return x0", "you return the estimate of x_0 itself"),
        (COMPLETE_04 + "return xt", "that is x_t again"),
        (
            COMPLETE_04 + "eps = (xt - alpha_bar_t * x0) / (1 - alpha_bar_t)\n"
            "    return alpha_bar_s * x0 + (1 - alpha_bar_s) * eps",
            "all roots are forgotten",
        ),
        (COMPLETE_04 + EPS_04 + "return alpha_bar_s.sqrt() * xt + (1 - alpha_bar_s).sqrt() * eps", "where x0 belongs"),
        (COMPLETE_04 + EPS_04 + "return alpha_bar_t.sqrt() * x0 + (1 - alpha_bar_t).sqrt() * eps", "that is x_t again"),
        (
            COMPLETE_04 + "eps = (xt - alpha_bar_s.sqrt() * x0) / (1 - alpha_bar_s).sqrt()\n"
            "    return alpha_bar_t.sqrt() * x0 + (1 - alpha_bar_t).sqrt() * eps",
            "s and t are swapped",
        ),
        (COMPLETE_04 + EPS_04 + "return alpha_bar_s * x0 + (1 - alpha_bar_s).sqrt() * eps", "its factor is √ᾱ_s"),
        (COMPLETE_04 + EPS_04 + "return alpha_bar_s.sqrt() * x0 + (1 - alpha_bar_s) * eps", "its factor is √(1−ᾱ_s)"),
        (COMPLETE_04 + EPS_04 + "return alpha_bar_s * x0 + (1 - alpha_bar_s) * eps", "both roots are forgotten"),
        (
            COMPLETE_04 + "eps = (xt - alpha_bar_t * x0) / (1 - alpha_bar_t).sqrt()\n"
            "    return alpha_bar_s.sqrt() * x0 + (1 - alpha_bar_s).sqrt() * eps",
            "take √ᾱ_t x0 from xt",
        ),
        (
            COMPLETE_04 + "eps = (xt - alpha_bar_t.sqrt() * x0) / (1 - alpha_bar_t)\n"
            "    return alpha_bar_s.sqrt() * x0 + (1 - alpha_bar_s).sqrt() * eps",
            "divide by √(1−ᾱ_t)",
        ),
        (COMPLETE_04 + "return alpha_bar_s.sqrt() * x0 + xt - alpha_bar_t.sqrt() * x0", "keeps the size it had"),
        (COMPLETE_04 + "return alpha_bar_s.sqrt() * x0 + (1 - alpha_bar_s).sqrt() * xt", "x_t holds data, too"),
        (
            COMPLETE_04 + "return alpha_bar_s.sqrt() * x0 + (1 - alpha_bar_s).sqrt() * torch.randn_like(xt)",
            "called twice",
        ),
        (
            COMPLETE_04 + "a = alpha_bar_t / alpha_bar_s\n    return (alpha_bar_s.sqrt() * (1 - a) * x0"
            " + a.sqrt() * (1 - alpha_bar_s) * xt) / (1 - alpha_bar_t)",
            "the mean of DDPM's posterior",
        ),
        (COMPLETE_04 + "return alpha_bar_s.sqrt() * x0", "the noise is lost"),
        (COMPLETE_04 + "return (xt + x0) / 2", "fresh inputs come out wrong"),
        (
            COMPLETE_04 + EPS_04 + "return alpha_bar_s.sqrt() * x0 + (1 - alphabar).sqrt() * eps",
            "NameError at your line",
        ),
        (COMPLETE_04 + "return xt[0]", "the shape is"),
        ("ddim_step = 4", "asks for a function"),
    ],
    "04.debug": [
        ("answer = 'doubled variance'", "Look at 1 and at 10 steps"),
        ("answer = 'clip_too_tight'", "the mystery's DDIM is well"),
        ("answer = 'linear_schedule_too_short'", "the mystery's does"),
        ("answer = 'wrong_sign'", "the mystery's DDIM is well"),
        ("answer = 'noise'", "not among the suspects"),
        ("answer = None", "write the suspect's name"),
    ],
    "04.transfer": [
        (TRANSFER_04 + "pass", "returns nothing"),
        (TRANSFER_04 + "return torch.linspace(len(schedule) - 1, 0, n)", "evenly spaced in t"),
        (TRANSFER_04 + ENDS_04 + "return schedule.timestep_at(torch.linspace(b, a, n))", "your times rise"),
        (TRANSFER_04 + ENDS_04 + "return schedule.timestep_at(torch.linspace(a, b, n).double()).round()", "rounded"),
        (
            TRANSFER_04
            + ENDS_04
            + "k = torch.linspace(a, b, n).double()\n    return schedule.timestep_at(k - 1e-5).long()",
            "cut to whole",
        ),
        (TRANSFER_04 + ENDS_04 + "return torch.linspace(a, b, n)", "these are values of log-SNR"),
        (
            TRANSFER_04 + ENDS_04 + "return schedule.timestep_at(torch.linspace(a, b, n + 1).double()[:-1])",
            "the last time is missing",
        ),
        (
            TRANSFER_04 + "snr = schedule.snr\n    a, b = float(snr[-1]), float(snr[0])\n"
            "    return schedule.timestep_at(torch.linspace(a, b, n).double().log())",
            "fresh inputs come out wrong",  # between two times log-SNR is linear, SNR is not
        ),
        (TRANSFER_04 + "return schedule.timestep_at(torch.linspace(-6, 5, n).double())", "the ends are fixed"),
        (TRANSFER_04 + "return torch.arange(n)", "fresh inputs come out wrong"),
        (TRANSFER_04 + "return list(range(n + 3))", "the shape is"),
        (TRANSFER_04 + "return schedule.timestep_at(torch.full((n,), torch.nan))", "no finite number"),
        ("my_timesteps = [99, 50, 0]", "asks for a function"),
    ],
    "05.predict": [
        (PAD_05 + "pad.points = pad.starts.tolist()", "not from all of them: it arrives from"),
        ("", "the truth is on the pad"),
        (PAD_05, "drop a point on each start from which it fails"),
        (PAD_05 + "pad.points = [pad.starts[0].tolist()]", "Press Clear"),
        (PAD_05 + "pad.points = [[0.5, 0.5]]", "one of your points lies beside all marks"),
        (
            PAD_05 + "pad.pose(pad.questions[0]); pad.points = [pad.starts[2].tolist()]",
            "from 1 that you left out it fails. Ask for each",
        ),
        (
            PAD_05 + "pad.pose(pad.questions[0]); pad.points = [pad.starts[k].tolist() for k in (0, 2, 4)]",
            "from 1 that you marked it arrives",
        ),
        (
            PAD_05 + "pad.pose(pad.questions[1]); pad.points = [pad.starts[k].tolist() for k in (0, 2)]",
            "from 1 that you left out it fails and from 1 that you marked it arrives",
        ),
        ("pad = [0.05, 0.95]", "reads the pad, but got list"),
    ],
    "05.complete": [
        (COMPLETE_05 + "pass", "returns nothing"),
        (COMPLETE_05 + LOG_P_05 + "return (log_weight + log_p).logsumexp(1).mean()", "the sign is the other one"),
        (COMPLETE_05 + LOG_P_05 + "return -log_p.logsumexp(1).mean()", "the weights are left out"),
        (
            COMPLETE_05 + LOG_P_05 + "return -(log_weight.exp() * log_p).sum(1).mean()",
            "the logarithm is of the weighted",
        ),
        (COMPLETE_05 + LOG_P_05 + "return -(log_weight + log_p).amax(1).mean()", "counts the best component alone"),
        (COMPLETE_05 + LOG_P_05 + "return -(log_weight + log_p).logsumexp(1).sum()", "the sum over the rows"),
        (COMPLETE_05 + LOG_P_05 + "return -(log_weight + log_p).logsumexp(1)", "the shape is (5,) where () is"),
        (COMPLETE_05 + LOG_P_05 + "return -(log_weight * log_p).logsumexp(1).mean()", "is a logarithm already"),
        (
            COMPLETE_05 + LOG_P_05.replace(" + std.log()", "") + "return -(log_weight + log_p).logsumexp(1).mean()",
            "log std is left out",
        ),
        (
            COMPLETE_05
            + LOG_P_05.replace(" + math.log(2 * math.pi) / 2", "")
            + "return -(log_weight + log_p).logsumexp(1).mean()",
            "½ log 2π is left out",
        ),
        (
            COMPLETE_05 + LOG_P_05.replace("far**2 / 2", "far**2") + "return -(log_weight + log_p).logsumexp(1).mean()",
            "the factor ½ of the square",
        ),
        (
            COMPLETE_05 + LOG_P_05.replace(".sum(2)", ".mean(2)") + "return -(log_weight + log_p).logsumexp(1).mean()",
            "averaged where they should be summed",
        ),
        (
            COMPLETE_05
            + LOG_P_05.replace("/ std\n", "/ std**2\n")
            + "return -(log_weight + log_p).logsumexp(1).mean()",
            "divided by the variance",
        ),
        (COMPLETE_05 + "return ((target[:, None] - mean) ** 2).mean()", "fresh inputs come out wrong"),
        (COMPLETE_05 + LOG_P_05 + "return -(log_weight + log_p).logsumexp(1).mean().item()", "no gradient reaches"),
        (
            COMPLETE_05 + LOG_P_05 + "return -(log_weight + log_p).exp().sum(1).log().mean()",
            "let `logsumexp` do exp, sum and log",
        ),
    ],
    "05.debug": [
        ("answer = None", "write the suspect's name"),
        ("answer = 'always_the_heaviest'", "but they arrive, and the mystery's do not"),
        ("answer = 'equal weights'", "no two of its walks are alike"),
        ("answer = 'one-action-late'", "the mystery draws nothing"),
        ("answer = 'the mean'", "not among the suspects"),
    ],
    "05.transfer": [
        (TRANSFER_05 + "pass", "returns nothing"),
        (TRANSFER_05 + "return chunks[(seen - look).norm(dim=1).argmin()]", "a large unit drowns a small one"),
        (TRANSFER_05 + SCALED_05 + "return chunks[gaps.argmax()]", "the farthest observation"),
        (TRANSFER_05 + SCALED_05 + "return chunks[gaps.argsort()[:5]].mean(0)", "the average of several neighbours"),
        (TRANSFER_05 + SCALED_05 + "return chunks[gaps.argsort()[1]]", "the second nearest"),
        (TRANSFER_05 + "return chunks.mean(0)", "the average of all chunks"),
        (
            TRANSFER_05 + "low, high = seen.amin(0), seen.amax(0)\n"
            "    return chunks[((seen - low) / (high - low) - look).norm(dim=1).argmin()]",
            "`seen` is scaled, but not `look`",
        ),
        (TRANSFER_05 + SCALED_05 + "return chunks[gaps.argmin(), 0]", "the shape is (2,) where (4, 2) is expected"),
        (TRANSFER_05 + SCALED_05 + "return seen[gaps.argmin()]", "the shape is"),
        (TRANSFER_05 + SCALED_05 + "return chunks[gaps.argsort()[:3]].mean(0)", "the average of the three nearest"),
        (
            TRANSFER_05 + "return chunks[((seen - look) / seen.std(0)).norm(dim=1).argmin()]",
            "by the standard deviation",
        ),
        (
            TRANSFER_05 + "return chunks[((seen - look) / seen.amax(0)).norm(dim=1).argmin()]",
            "divide by the largest number",
        ),
        ("my_lookup = 3", "asks for a function"),
    ],
    "06.predict": [
        (
            POINTS_06.format(0, "(95, 90, 80, 70)"),
            "at 8 a look clearly more arrive than at 1; not so on your pad. Me",
        ),
        (POINTS_06.format(0, "(60, 95, 90, 85)"), "clearly more arrive than at 4; not so on your pad"),
        (POINTS_06.format(0, "(70, 75, 80, 85)"), "not so on your pad"),
        (
            POINTS_06.format(0, "(52, 64, 76, 88)"),
            "the one large step lies between 4 and 8 a look; on your pad it does",
        ),
        (POINTS_06.format(2, "(45, 60, 75, 90)"), "the one large step lies between 4 and 8 a look"),
        (POINTS_06.format(0, "(50, 50, 50, 50)"), "not so on your pad"),
        (POINTS_06.format(0, "(90, 50, 50, 90)"), "not so on your pad"),
        (POINTS_06.format(1, "(68, 66, 64, 66)"), "at 1 a look clearly more arrive than at 16"),
        ("", "the truth is on the pad"),
        (POINTS_06.format(1, "(20, 20, 10, 5)"), "yours are off by 4"),
        (POINTS_06.format(2, "(90, 90, 90, 90)"), "not so on your pad"),
        (PAD_06.format(0), "4 points are asked for and 0 are on the pad"),
        (PAD_06.format(0) + "pad.points = [[1, 50], [4, 50], [8, 50]]", "4 points are asked for and 3"),
        (
            PAD_06.format(0) + "pad.points = [[1, 50], [4, 50], [6, 90], [12, 90]]",
            "one point on each of the four lines",
        ),
        (
            PAD_06.format(0) + "pad.points = [[1, 50], [1, 60], [4, 90], [12, 90]]",
            "one point on each of the four lines",
        ),
        ("pad = [68, 64, 96, 96]", "reads the pad, but got list"),
    ],
    "06.complete": [
        (COMPLETE_06 + "pass", "returns nothing"),
        (
            COMPLETE_06 + LOOP_06.replace("[obs_horizon - 1 :]", "") + RETURN_06,
            "its first obs_horizon − 1 actions are past",
        ),
        (COMPLETE_06 + LOOP_06.replace("obs_horizon - 1 :", "obs_horizon:") + RETURN_06, "one action too late"),
        (
            COMPLETE_06 + LOOP_06.replace("[:action_horizon]", "[: action_horizon + 1]") + RETURN_06,
            "one action more than",
        ),
        (COMPLETE_06 + LOOP_06.replace("[:action_horizon]", "") + RETURN_06, "fresh inputs come out wrong"),
        (
            COMPLETE_06 + LOOP_06.replace("chunk[obs_horizon - 1 :][:action_horizon]", "chunk") + RETURN_06,
            "the whole chunk",
        ),
        (COMPLETE_06 + LOOP_06.replace("[-obs_horizon:])", "[-obs_horizon:]).flip(0)") + RETURN_06, "newest first"),
        (
            COMPLETE_06 + LOOP_06.replace("seen[-obs_horizon:]", "seen[:obs_horizon]") + RETURN_06,
            "every plan is the first one again",
        ),
        (
            COMPLETE_06 + LOOP_06.replace("seen[-obs_horizon:]", "[seen[-1]] * obs_horizon") + RETURN_06,
            "over and over",
        ),
        (
            COMPLETE_06 + LOOP_06.replace("torch.stack(seen[-obs_horizon:])", "seen[-1]") + RETURN_06,
            "plan takes the last",
        ),
        (
            COMPLETE_06 + LOOP_06.replace("world(seen[-1], action)", "world(seen[0], action)") + RETURN_06,
            "come out wrong",
        ),
        (
            COMPLETE_06
            + LOOP_06.replace("        for action", "        here = seen[-1]\n        for action").replace(
                "world(seen[-1], action)", "world(here, action)"
            )
            + RETURN_06,
            "each begins where the one before has led",
        ),
        (
            COMPLETE_06
            + "chunk = plan(torch.stack(seen))\n    while len(seen) < obs_horizon + steps:\n"
            + "        for action in chunk[obs_horizon - 1 :][:action_horizon]:\n"
            + "            seen.append(world(seen[-1], action))\n    "
            + RETURN_06,
            "every plan is the first one again",
        ),
        (COMPLETE_06 + LOOP_06.replace("obs_horizon + steps", "steps") + RETURN_06, "the shape is"),
        (
            COMPLETE_06 + "for look in range(steps):\n        " + LOOP_06.partition("\n        ")[2] + RETURN_06,
            "counts actions, not looks",
        ),
        (COMPLETE_06 + LOOP_06 + "return [*seen, seen[-1]]", "are right, and then 1 more follow"),
        (
            COMPLETE_06
            + LOOP_06.replace("[obs_horizon - 1 :][:action_horizon]", "[obs_horizon - 1 : action_horizon]")
            + RETURN_06,
            "the loop does not end",
        ),
        (
            COMPLETE_06
            + LOOP_06.replace("seen.append(world(seen[-1], action))", "world(seen[-1], action)")
            + RETURN_06,
            "the loop does not end",
        ),
        (COMPLETE_06 + LOOP_06 + "return seen[-1]", "the shape is (2,) where"),
        (COMPLETE_06 + RETURN_06, "the shape is (2, 2) where (14, 2)"),
        ("receding = 3", "asks for a function"),
    ],
    "06.debug": [
        ("answer = None", "write the suspect's name"),
        ("answer = 'newest_first'", "its walkers turn round at their looks"),
        ("answer = 'newest alone'", "nearly as smooth as a healthy policy's"),
        ("answer = 'one-action-early'", "its walks are smooth, only a little long"),
        ("answer = 'jitter'", "not among the suspects"),
    ],
    "06.transfer": [
        (TRANSFER_06 + "pass", "returns nothing"),
        (TRANSFER_06 + "return -actions[:, :, 0].sum(1)", "nearly all pass right, in whatever scene"),
        (TRANSFER_06 + "return actions[:, :, 0].sum(1)", "nearly all pass left, in whatever scene"),
        (TRANSFER_06 + WAY_06 + "return way * actions[:, :, 0].sum(1)", "turn the sign round"),
        (TRANSFER_06 + WAY_06 + "return -0.01 * way * actions[:, :, 0].sum(1)", "Then push harder"),
        (TRANSFER_06 + WAY_06 + "return -3000 * way * actions[:, :, 0].sum(1)", "arrive at all: it pushes off"),
        (TRANSFER_06 + WAY_06 + "return (-way * actions[:, :, 0].sum(1)).sum()", "for 7 rows the cost has shape ()"),
        (TRANSFER_06 + WAY_06 + "return -way[:, None] * actions[:, :, 0]", "for 7 rows the cost has shape (7, 7)"),
        (TRANSFER_06 + WAY_06 + "return way", "no gradient reaches them"),
        (TRANSFER_06 + WAY_06 + "return (-way * actions[:, :, 0].sum(1)).detach()", "no gradient reaches them"),
        (TRANSFER_06 + WAY_06 + "return -way.sum() * actions[:, :, 0].sum(1)", "depends on its neighbours"),
        (
            TRANSFER_06 + "return -(seen[:, -1, 0] - seen[:, -1, 2]).sign() * actions[:, :, 0].sum(1)",
            "Is the side that",
        ),
        (TRANSFER_06 + WAY_06 + "return -way * actions[:, :, 0].sum(1) / 0", "no finite number"),
        (
            TRANSFER_06 + "return -(seen[:, -1, 1] - seen[:, -1, 5]).sign() * actions[:, :, 0].sum(1)",
            "nearly all pass left",
        ),
        (TRANSFER_06 + "return torch.randn(len(actions)) * actions[:, :, 0].sum(1)", "may draw nothing of its own"),
        (TRANSFER_06 + "return (-actions[:, :, 0].sum(1)).detach().numpy()", "keep tensors"),
        ("my_cost = 3", "asks for a function"),
    ],
    "10.predict": [
        # It falls where the training ends; it does not care; the slope is everywhere.
        (POSED_10.format(0, "[[[0.05, 0], [0.12, 1], [0.22, 1], [0.3, 0]]]"), "you say 0, measured is 0.9"),
        ("", "the truth is on the pad"),
        (POSED_10.format(1, "[[[0, 1], [180, 1]]]"), "you say 1, measured is 0."),
        (POSED_10.format(2, "[[[0, 0], [0.3, 1], [0.7, 1], [1, 0]]]"), "is close enough"),
        (POSED_10.format(2, "[[[1, 0.5], [0, 0.5]]]"), "is close enough"),
        (
            PAD_10 + "shown = pad.question; pad.strokes = [[[shown.low, 0], [shown.high, 0.1]]]; "
            "check('10.predict', pad); pad = share_pad(); assert pad.question is not shown",
            "0 are on the pad",
        ),
        (PAD_10 + "pad.strokes = [[[pad.question.low, 0.98], [pad.question.low, 0.9]]]", "from the left edge to the"),
        (POSED_10.format(0, "[[[0.05, 0.98], [0.2, 0.98]]]"), "from the left edge to the right one"),
        (POSED_10.format(0, "[[[0.1, 1]]]"), "from the left edge to the right one"),
        ("pad.strokes = []", "0 are on the pad"),
        ("pad = 0.98", "reads the pad, but got float"),
    ],
    "10.complete": [
        (COMPLETE_10 + "pass", "returns nothing"),
        (COMPLETE_10 + "return '#seed=7&tree=0.4,0.5&cloning_shown=false'", "there the page reads seed as 7"),
        (COMPLETE_10 + PAIRS_10 + "return '&'.join(pairs)", "begin with #"),
        (COMPLETE_10 + PAIRS_10 + "return '?' + '&'.join(pairs)", "begin with #"),
        (COMPLETE_10 + PAIRS_10 + "return '#' + ','.join(pairs)", "the page"),
        (COMPLETE_10 + PAIRS_10 + "return '#' + ';'.join(pairs)", "the page"),
        (COMPLETE_10 + PAIRS_10 + "return '#' + '&'.join(pairs[:1])", "there the page finds no tree"),
        (COMPLETE_10 + PAIRS_10 + "return '#agents=16&' + '&'.join(pairs)", "that sets agents, too"),
        (COMPLETE_10 + "return '#' + '&'.join(f'{k}={v}' for k, v in state.items())", "stands no space"),
        (
            COMPLETE_10 + "return '#' + '&'.join(f'{k}={v}' for k, v in state.items()).replace(' ', '')",
            "finds no tree that makes sense",
        ),
        (
            COMPLETE_10 + PAIRS_10 + "return '#' + '&'.join(pairs).replace('false', 'False')",
            "finds no cloning_shown that makes sense",
        ),
        (
            COMPLETE_10 + PAIRS_10 + "return '#' + '&'.join(pairs).replace('false', '0').replace('true', '1')",
            "finds no cloning_shown that makes sense",
        ),
        (COMPLETE_10 + "return state", "returns dict, where text is expected"),
        (COMPLETE_10 + "return state['seeed']", "KeyError at your line"),
        ("address = '#seed=7'", "asks for a function, but got str"),
    ],
    "10.debug": [
        ("answer = 'no scripts'", "what is left of the mystery's page?"),
        ("answer = 'lost_hash'", "not in the scene that was asked for"),
        ("answer = 'too_low'", "most of it is cut off"),
        ("answer = 'hash'", "not among the suspects"),
        ("answer = None", "write the suspect's name"),
    ],
    "10.transfer": [
        ("limit, caption = None, ''", "choose a scene"),
        ("limit, caption = {'start': (0.5, 0.3)}, ''", "now write its caption"),
        ("limit, caption = {'start': (0.5, 0.3)}, 'It often fails.'", "says no"),
        (
            "limit, caption = {'start': (0.5, 0.3)}, 'Arrives in 40 of 40.'",
            "says 40 of 40; count the walks",
        ),
        ("limit, caption = {'start': (0.5, 0.3)}, 'Arrives in 0 of 400.'", "says no"),
        ("limit, caption = {'radius': 0.3}, '39 of 40'", "which is not less than half"),
        ("limit, caption = {'tree': (0.5, 0.2)}, '0 of 40'", "the expert arrives in 0 of 40 walks, too"),
        ("limit, caption = {'start': (0.5, 0.91), 'goal': (0.5, 0.09)}, '0 of 40'", "change one alone of"),
        ("limit, caption = {'steps': 1}, '0 of 40'", "change one alone of"),
        ("limit, caption = {'start': (0.5, 3)}, '0 of 40'", "give 2 numbers from 0 to 1"),
        ("limit, caption = {'start': 'left'}, '0 of 40'", "give 2 numbers from 0 to 1"),
        ("limit, caption = (0.5, 0.3), '0 of 40'", "the scene is a tuple"),
    ],
}


@each_lesson
def test_with_its_solutions_every_check_says_solved(path):
    notebook = read(path)
    found = {one.index: one for one in answerable(notebook)}
    with running(notebook) as client:
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                one = found.get(index)
                text = run(client, index, f"{one.solution}\n{one.check}" if one else None)
                assert one is None or text.startswith("Solved: "), text


# Right answers that are spelled in other ways.
UNUSUAL = {
    "00.predict": [
        PAD_00 + "pad.strokes = [[[pad.start, 0.07], [0.5 + 1.5 * (pad.start - 0.5), 0.18], "
        "[0.5 + 2 * (pad.start - 0.5), 0.26]]]"
    ],
    "00.complete": [
        COMPLETE_00 + "return sum(answers) / len(answers)",
        "import numpy as np\n" + COMPLETE_00 + "return np.mean(answers.numpy(), axis=0)",
        COMPLETE_00 + "f = torch.zeros(answers.shape[1])\n    for _ in range(300):\n"
        "        f = f - 0.1 * (f - answers).mean(0)\n    return f",
    ],
    "00.debug": ["answer = ' No noise '"],
    "00.transfer": [
        TRANSFER_00 + OFF_00 + "return bool(d.min() > d.mean() / 2)",
        TRANSFER_00 + "middle = answers.mean(0)\n    d = [float((a - middle).norm()) for a in answers]\n"
        "    return int(min(d) > 0.5 * sum(d) / len(d))",
    ],
    "01.predict": [
        AT + "pad.points = (pad.alpha_bar ** 0.5 * MARKED + [[0.05, 0.05], [0, -0.1], [0.1, 0]])[[2, 0, 1]].tolist()"
    ],
    "01.complete": [
        COMPLETE_01 + "a = 1.0\n    for b in betas[:t + 1]:\n        a *= 1 - float(b)\n"
        "    return a ** 0.5 * x0 + (1 - a) ** 0.5 * noise",
        "import numpy as np\n" + COMPLETE_01 + "a = np.cumprod(1 - betas.numpy())[t]\n"
        "    return np.sqrt(a) * x0.numpy() + np.sqrt(1 - a) * noise.numpy()",
        COMPLETE_01 + "a = (1 - betas).cumprod(0)[t]\n    x0 *= a.sqrt()\n    return x0.add_(noise * (1 - a).sqrt())",
    ],
    "01.debug": ["answer = ' Lost square root '"],
    "01.transfer": [
        TRANSFER_01 + "return torch.sigmoid(torch.linspace(5, -5, T))",
        TRANSFER_01 + "return torch.linspace(0.95, 0.01, T)",
        TRANSFER_01 + "return [0.99 - 0.985 * i / (T - 1) for i in range(T)]",
        "import numpy as np\n" + TRANSFER_01 + "return np.linspace(0.99, 0.005, T)",
        TRANSFER_01 + "return NoiseSchedule(T).alphas_cumprod",
    ],
    "02.predict": [
        PAD_02 + POSE_02.format(f"{BEST_02} + torch.tensor([0.1, -0.15, 0.1, 0, -0.1])") + "[::-1]",
        PAD_02 + "pad.pose(0.5); pad.points = [[-1.4, -0.95], [1.6, 1.0], [0.05, 0.0], [-0.45, -0.5], [0.5, 0.6]]",
    ],
    "02.complete": [
        "import torch.nn.functional as F\n" + COMPLETE_02 + TARGET_02 + "return F.mse_loss(denoiser(xt, t), target)",
        COMPLETE_02 + "a = schedule.alphas_cumprod[t].float().reshape(-1, 1, 1)\n"
        "    if prediction_type == 'epsilon':\n        target = noise\n"
        "    elif prediction_type == 'sample':\n        target = x0\n"
        "    else:\n        target = a.sqrt() * noise - (1 - a).sqrt() * x0\n"
        "    return (denoiser(a.sqrt() * x0 + (1 - a).sqrt() * noise, t) - target).square().mean()",
    ],
    "02.debug": ["answer = ' Fresh noise '"],
    "02.transfer": [
        TRANSFER_02
        + "d = torch.cdist(xt, alpha_bar**0.5 * points) ** 2\n    e = weights.log() - d / 2 / (1 - alpha_bar)\n"
        "    w = (e - e.max(1, keepdim=True).values).exp()\n    return w @ points / w.sum(1)[:, None]",
        "from dilviz.diffusion import ExactDenoiser\n"
        + TRANSFER_02
        + "s = NoiseSchedule.from_alphas_cumprod([alpha_bar])\n"
        "    exact = ExactDenoiser(s, points[:, None], weights)\n    return exact(xt[:, None], torch.tensor(0))[:, 0]",
    ],
    "03.predict": [
        PAD_03 + "from dilviz.course.lesson_03 import floor_curve\n"
        "pad.strokes = [[[t, min(max(y + 0.03, 0), 1.1)] for t, y in floor_curve(pad.question)[::-1].tolist()]]",
    ],
    "03.complete": [
        COMPLETE_03 + "told = torch.hstack((cond, xt.reshape(len(xt), -1), time_embedding(t.float())))\n    "
        "return self.layers(told).reshape(xt.shape)",
        COMPLETE_03 + "B, horizon, dim = xt.shape\n    rows = [torch.cat([xt[i].flatten(), time_embedding(t)[i], "
        "cond[i]]) for i in range(B)]\n    return self.layers(torch.stack(rows)).view(B, horizon, dim)",
    ],
    "03.debug": ["answer = ' Same batch '"],
    "03.transfer": [
        "from dilviz.diffusion import dpm_solver\nfrom dilviz.imitation.scaling import MinMax\n"
        + TRANSFER_03
        + "scale = MinMax.of(points)\n    net = MLPDenoiser(1, 2, width=96, prediction_type='v_prediction')\n    "
        "schedule = NoiseSchedule(50)\n    fit(net, schedule, scale.scale(points)[:, None], steps=1500, lr=1e-2)\n    "
        "return scale.unscale(dpm_solver(net, schedule, torch.randn(count, 1, 2), 20)[:, 0]).numpy()",
    ],
    "04.predict": [
        PAD_04 + "pad.points = ways_from(pad.starts)[-1][::-1]",  # in any order
        PAD_04 + "e = ways_from(pad.starts)[-1]; "
        "pad.points = KNOWN.means[np.linalg.norm(e[:, None] - KNOWN.means, axis=-1).argmin(1)]",
    ],
    "04.complete": [
        COMPLETE_04 + "b = ((1 - alpha_bar_s) / (1 - alpha_bar_t)) ** 0.5\n"
        "    return b * xt + (alpha_bar_s**0.5 - b * alpha_bar_t**0.5) * x0",
        "from dilviz.diffusion.samplers import ddim_update\n"
        + COMPLETE_04
        + "u = ddim_update(alpha_bar_t, alpha_bar_s)\n    return u.xt * xt + u.x0 * x0",
    ],
    "04.debug": ["answer = ' Noise at last step '"],
    "04.transfer": [
        TRANSFER_04 + ENDS_04 + "k = torch.arange(n).double()\n"
        "    return schedule.timestep_at(a + k * (b - a) / (n - 1)).tolist()",
        "import numpy as np\n" + TRANSFER_04 + "known = schedule.log_snr(torch.arange(len(schedule))).numpy()[::-1]\n"
        "    times = np.arange(len(schedule))[::-1]\n"
        "    return np.interp(np.linspace(known[0], known[-1], n), known, times)",
    ],
    "05.predict": [
        PAD_05 + "pad.pose(pad.questions[0]); pad.points = [[0.93, 0.86], [0.06, 0.93]]",
    ],
    "05.complete": [
        "import torch.distributions as D\n" + COMPLETE_05 + "parts = D.Independent(D.Normal(mean, std), 1)\n"
        "    return -D.MixtureSameFamily(D.Categorical(logits=log_weight), parts).log_prob(target).mean()",
    ],
    "05.debug": ["answer = ' Mean of mixture '"],
    "05.transfer": [
        TRANSFER_05
        + "size = seen.amax(0) - seen.amin(0)\n    return chunks[((seen - look) / size).square().sum(1).argmin()]",
        "from dilviz.imitation.scaling import MinMax\n" + TRANSFER_05 + "scale = MinMax.of(seen)\n"
        "    return chunks[torch.cdist(scale.scale(look)[None], scale.scale(seen))[0].argmin()].numpy()",
    ],
    "06.predict": [
        POINTS_06.format(0, "(60, 60, 90, 90)"),
        POINTS_06.format(2, "(45, 45, 92, 90)"),
        PAD_06.format(1) + "pad.points = [[16, 45], [8.4, 60], [1, 70], [4.3, 75]]",  # from right to left
    ],
    "06.complete": [
        COMPLETE_06 + "for look in range(steps // action_horizon):\n"
        "        chunk = plan(torch.stack(seen)[-obs_horizon:])\n"
        "        for k in range(action_horizon):\n"
        "            seen = [*seen, world(seen[-1], chunk[obs_horizon - 1 + k])]\n    return torch.stack(seen)",
        COMPLETE_06 + LOOP_06 + "return [one.numpy() for one in seen]",
        COMPLETE_06 + LOOP_06 + "return tuple(seen)",
    ],
    "06.debug": ["answer = ' Chunk backwards '"],
    "06.transfer": [
        TRANSFER_06 + WAY_06 + "return 0.3 * ((actions[..., 0] - way[:, None]) ** 2).sum(1)",
        "from dilviz.envs.fork import places_ahead\n"
        + TRANSFER_06
        + WAY_06
        + "return -30 * way * places_ahead(actions, seen)[:, -1, 0]",
        TRANSFER_06 + WAY_06 + "below = (seen[:, -1, 1] < seen[:, -1, 3]).float()\n"
        "    return -3 * below * way * actions[:, :, 0].mean(1) * 7",
    ],
    "10.predict": [
        POSED_10.format(1, "[[[0, 1], [70, 0.9], [80, 0], [180, 0]]]"),
        POSED_10.format(2, "[[[1, 0.6], [0.8, 0.9], [0.5, 1], [0.2, 0.9], [0.01, 0.3]]]"),  # from right to left
    ],
    "10.complete": [
        COMPLETE_10 + PAIRS_10 + "return '#' + '&'.join(pairs)",
        COMPLETE_10 + PAIRS_10 + "return '#' + '&'.join(reversed(pairs)).replace(',', '%2C')",
        "import json\n" + COMPLETE_10 + "return '#' + '&'.join(f'{k}={json.dumps(v)}' for k, v in state.items())"
        ".replace('[', '').replace(']', '').replace(' ', '')",
    ],
    "10.debug": ["answer = ' Changed script '"],
    "10.transfer": [
        "limit, caption = {'goal': [0.9, 0.5]}, 'Beside the tree it never arrives (0 of 40).'",
        "limit = {'start': (0.02, 0.09)}\ncaption = f'From the edge {arrivals(40, **limit)} of 40 arrive.'",
    ],
}


@each_lesson
def test_right_answers_that_are_spelled_in_other_ways_are_accepted(path):
    notebook = read(path)
    with running(notebook) as client:
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                run(client, index)
        for one in answerable(notebook):
            for answer in UNUSUAL[one.name]:
                text = run(client, one.index, f"{answer}\n{one.check}")
                assert text.startswith("Solved: "), (answer, text)


@each_lesson
def test_as_shipped_every_check_says_not_yet(path):
    notebook = read(path)
    for one in answerable(notebook):
        assert notebook.cells[one.index].outputs[0].text.startswith("Not yet: "), one.name


@each_lesson
def test_wrong_answers_are_rejected_with_words_that_are_true(path):
    notebook = read(path)
    found = answerable(notebook)
    assert all(len(WRONG[one.name]) >= 5 for one in found)
    with running(notebook) as client:
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                run(client, index)
        for one in found:
            for answer, words in WRONG[one.name]:
                text = run(client, one.index, f"{answer}\n{one.check}")
                assert text.startswith(("Not solved: ", "Not yet: ")), (answer, text)
                assert words in text, (answer, text)
