import assert from "node:assert/strict";
import test from "node:test";
import { cut, moment, parts } from "../../dilviz/show/equations.js";

const WORDS = ["add_noise", "mean", "noise", "posterior", "t", "variance", "x0", "x0_hat", "xt"];
const found = (line) => cut(line, WORDS).map(([, word]) => word).filter(Boolean);

test("a line that is cut is still the same line", () => {
  for (const line of ['x0_hat = f(xt, t, "t: noise")', "mean, variance = schedule.posterior(xt, x0, t, s)", "((a.b)) ** 2"]) {
    assert.equal(cut(line, WORDS).map(([text]) => text).join(""), line);
  }
});

test("words are whole words, and neither attributes nor what is quoted", () => {
  assert.deepEqual(found("xt = schedule.add_noise(x0, noise, t)"), ["xt", "add_noise", "x0", "noise", "t"]);
  assert.deepEqual(found("loss = (noise ** 2).mean()"), ["noise"]);
  assert.deepEqual(found('x0_hat(xt, "noise", tt)'), ["x0_hat", "xt"]);
});

const FIRST = {
  x0: [[1, 0], [1, 0]], noise: [[0, 2], [0, 2]], xt: [[0.8, 1.2], [0.6, 1.6]], x0_hat: [[0.5, 0], [0.5, 0]],
  denoiser: [[0, 1], [0, 1]], mean: [[0.9, 0.5], [0.9, 0.5]], xs: [[0.8, 0.5], [0.8, 0.5]], alpha_bar: [0.64, 0.36],
  signal_scale: [0.8, 0.6], noise_scale: [0.6, 0.8], u: [0.5, 0.5], w: [0.5, 0.5], variance: [0.04, 0.09],
};

test("the arrows lead from the shrunken point to x_t, by the noise that has come", () => {
  const drawn = parts(moment(FIRST, 1));
  const arrow = drawn.find(({ of }) => of.includes("noise_scale"));
  assert.deepEqual([arrow.from, arrow.to], [[0.6, 0], [0.6, 1.6]]);
  const whole = drawn.find(({ of, dashed }) => of.includes("noise") && dashed);
  assert.deepEqual([whole.from, whole.to], [[0.6, 0], [0.6, 2]]);
});

test("the posterior's circle is one standard deviation wide", () => {
  const circle = parts(moment(FIRST, 1)).find(({ of }) => of.includes("variance"));
  assert.deepEqual([circle.at, circle.radius], [[0.9, 0.5], 0.3]);
});
