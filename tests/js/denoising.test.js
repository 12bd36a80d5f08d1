import assert from "node:assert/strict";
import test from "node:test";
import { drawData, exactScore, exactX0, makeFlow, makeNoise, measure, placesAt, planOf, shifted } from "../../dilviz/show/live/denoising_flow.js";
import { mixed } from "../../dilviz/show/live/denoising_picture.js";

const HEAP = { means: [[0.5, -1.25]], weights: [1], std: 0.4 };
const THREE = { means: [[-1.2, -0.6], [1.3, -0.6], [0.1, 1.3]], weights: [0.6, 0.3, 0.1], std: 0.2 };
const PLACES = [0.3, -0.2, -1.7, 0.9, 2.4, 1.1, -0.4, -2.2];
const near = (a, b, within = 1e-5) => {
  assert.equal(a.length, b.length);
  a.forEach((value, i) => assert.ok(Math.abs(value - b[i]) <= within, `${i}: ${value}, ${b[i]}`));
};
const levels = [[0.1, Math.sqrt(0.99)], [0.6, 0.8], [Math.sqrt(0.99), 0.1]];

/** Log density of the noisy data, up to a constant, worked out the plain way. */
function logDensity({ means, weights, std }, [x, y], signal, sigma) {
  const spread = signal ** 2 * std ** 2 + sigma ** 2;
  return Math.log(means.reduce((sum, mean, k) => sum + weights[k] * Math.exp(-((x - signal * mean[0]) ** 2 + (y - signal * mean[1]) ** 2) / (2 * spread)), 0));
}

test("one heap: the estimate is the textbook's, between what is seen and the mean", () => {
  const [signal, sigma] = [0.6, 0.8];
  const gain = (signal * 0.16) / (signal ** 2 * 0.16 + sigma ** 2);
  near(exactX0(HEAP, PLACES, signal, sigma), PLACES.map((x, i) => HEAP.means[0][i % 2] + gain * (x - signal * HEAP.means[0][i % 2])));
});

test("without noise the estimate is what is seen; with nothing but noise it is the mean of all", () => {
  near(exactX0(THREE, PLACES, 1, 0), PLACES);
  near(exactX0(THREE, PLACES, 0, 1), PLACES.map((_, i) => THREE.means.reduce((sum, mean, k) => sum + THREE.weights[k] * mean[i % 2], 0)));
});

test("far from all heaps no weight is lost", () => {
  assert.ok(exactX0(THREE, [80, -90], Math.sqrt(1 - 1e-4), 1e-2).every(Number.isFinite));
});

test("the score is the slope of the log density, the field's clean end included", () => {
  const h = 1e-4;
  for (const [signal, sigma] of [...levels, [1, 0]]) {
    const at = [0.35, 0.1];
    const slope = [0, 1].map((axis) => {
      const [up, down] = [1, -1].map((sign) => at.map((value, k) => value + (k === axis ? sign * h : 0)));
      return (logDensity(THREE, up, signal, sigma) - logDensity(THREE, down, signal, sigma)) / (2 * h);
    });
    near(exactScore(THREE, at, signal, sigma), slope, 1e-3 * (1 + Math.hypot(...slope)));
  }
});

test("score and estimate say the same (Tweedie)", () => {
  for (const [signal, sigma] of levels) {
    const x0 = exactX0(THREE, PLACES, signal, sigma);
    near(exactScore(THREE, PLACES, signal, sigma), PLACES.map((x, i) => (signal * x0[i] - x) / sigma ** 2), 2e-4);
  }
});

test("a heap is dragged, the others stay, and the mixture that was is left alone", () => {
  const moved = shifted(THREE, [0.2, -0.1]);
  near(moved.means.flat(), [-1, -0.7, 1.3, -0.6, 0.1, 1.3], 1e-12);
  assert.deepEqual(THREE.means[0], [-1.2, -0.6]);
});

test("true data: 98.9 of a hundred are on the data, the heaps have their shares, sqrt(1.9) is its spread", () => {
  const { on, spread, shares } = measure(drawData(THREE, 20_000), THREE);
  assert.ok(Math.abs(on / 20_000 - (1 - Math.exp(-4.5))) < 0.003, String(on));
  assert.ok(Math.abs(spread - Math.sqrt(1.899)) < 0.02, String(spread));
  near(shares, THREE.weights, 0.002);
});

test("on the data is nearer than 3 std to a mean", () => {
  const { on, shares, spread } = measure([-1.2, -0.6, -1.2, -0.01, -1.2, 0.01, 0.1, 1.1], THREE);
  assert.equal(on, 3);
  near(shares, [2 / 3, 0, 1 / 3], 1e-12);
  near([spread], [Math.sqrt((0 + 2.95 ** 2 + 1) / 3)], 1e-6);
  assert.equal(measure([9, 9], THREE).on, 0);
});

test("a particle's noise is its own: the same among few and among many", () => {
  const [few, many] = [makeNoise(7000, 3), makeNoise(7000, 11)];
  for (let k = 0; k < 3; k++) near(few(), many().slice(0, 6), 0);
  assert.notDeepEqual(makeNoise(8000, 3)(), makeNoise(7000, 3)());
});

test("between two steps particles go straight on", () => {
  const xs = [[0, 0], [1, 2], [3, 2]].map((places) => Float32Array.from(places));
  near(placesAt(xs, 0.25), [0.25, 0.5]);
  near(placesAt(xs, 1.5), [2, 2]);
  assert.equal(placesAt(xs, 2), xs[2]);
  near(placesAt(xs, 5), xs[2], 0); // what is not there yet is not made up
});

const step = (t, signal, xt, x0, noise) => ({ t, signal, sigma: Math.sqrt(1 - signal ** 2), xt, x0, before: 0, noise });

test("a flow begins with its noise, takes a step when asked, and ends with its plan", () => {
  const plan = [step(9, 0.1, 0.5, 0.4, 0), step(4, 0.7, 0, 1, 0)];
  const flow = makeFlow(THREE, plan, makeNoise(0, 5));
  near(flow.xs[0], makeNoise(0, 5)(), 0);
  assert.equal(flow.xs.length, 1);
  for (let k = 0; k < 5; k++) flow.extend();
  assert.equal(flow.xs.length, 3);
  const x0 = exactX0(THREE, flow.xs[0], plan[0].signal, plan[0].sigma);
  near(flow.xs[1], x0.map((value, i) => 0.5 * flow.xs[0][i] + 0.4 * value), 1e-6);
  near(flow.xs[2], exactX0(THREE, flow.xs[1], plan[1].signal, plan[1].sigma), 1e-6); // no clip: data goes beyond 1
});

test("fresh noise is the particle's next, and not its start again", () => {
  const flow = makeFlow(THREE, [step(9, 0.1, 0, 0, 1)], makeNoise(0, 2));
  flow.extend();
  const noise = makeNoise(0, 2);
  const start = noise();
  near(flow.xs[1], noise(), 0);
  assert.notDeepEqual(flow.xs[1], start);
});

test("a choice finds its plan; eta is asked of ddim alone", () => {
  const text = (/** @type {number} */ t) => btoa(String.fromCharCode(...new Uint8Array(Float32Array.of(t, 0.6, 0.8, 1, 2, 3, 4).buffer)));
  const plans = { texts: [text(7), text(8)], index: { "ddpm 1 leading": 0, "ddim 1 leading 0.25": 1 } };
  assert.equal(planOf(plans, "ddpm", 1, "leading", 0.25)[0].t, 7);
  const [only, ...others] = planOf(plans, "ddim", 1, "leading", 0.25);
  assert.deepEqual([only.t, only.xt, only.noise, others.length], [8, 1, 4, 0]);
});

test("a colour between two", () => {
  assert.equal(mixed("#000000", "#ff8001", 0), "rgb(0 0 0)");
  assert.equal(mixed("#000000", "#ff8001", 1), "rgb(255 128 1)");
  assert.equal(mixed("#102030", "#203040", 0.5), "rgb(24 40 56)");
});
