import assert from "node:assert/strict";
import test from "node:test";
import { addNoise, drag, homesOf, levelAt, levelOf, pairOf, placesOf, sayNoising, threeDigits } from "../../dilviz/show/live/noising_data.js";
import { kept, normals } from "../../dilviz/show/live/numbers.js";

const TABLE = [6, 2, 0, -3, -9]; // log-SNR at t = 0 … 4
const PLAIN = { origin: [0, 0], step: 1, summed: false, tree: false };
const PATH = { ...PLAIN, length: 8, x0: normals(5, 0, 32).map((v) => v / 4), handles: [[1, 2], [1, 5]] };
const STEPS = { ...PATH, origin: [0, -0.8], step: 0.06, summed: true };
const POINTS = { ...PLAIN, length: 1, x0: Float32Array.from([-0.6, 0, 0.7, 0, -0.7, 0.1, 0.6, 0.1]), handles: [[0, 0], [3, 0]] };
const close = (a, b, within = 1e-5) => a.forEach((value, i) => assert.ok(Math.abs(value - b[i]) < within, `${i}: ${value}, ${b[i]}`));
const moved = (set, shift) => placesOf(set, drag(set, shift)).map((value, i) => value - placesOf(set, set.x0)[i]);

test("at t = -1 the data is clean, to the last bit", () => {
  assert.deepEqual(levelAt(TABLE, -1), { signal: 1, sigma: 0 });
  assert.deepEqual(addNoise(PATH.x0, normals(0, 0, 32), levelAt(TABLE, -1)), PATH.x0);
});

test("each point keeps its noise at every t", () => {
  const noise = normals(0, 0, 32);
  for (const t of [0, 1, 2.5, 4]) {
    const level = levelAt(TABLE, t);
    const xt = addNoise(PATH.x0, noise, level);
    close(xt.map((value, i) => (value - level.signal * PATH.x0[i]) / level.sigma), noise, 1e-4);
  }
});

test("of many points the variance is what the law says", () => {
  const x0 = Float32Array.from({ length: 40_000 }, (_, i) => (i % 2 ? 0.7 : -0.7));
  const noise = normals(3, 0, x0.length);
  const variance = (x) => x.reduce((sum, value) => sum + value * value, 0) / x.length;
  for (const t of [-1, 0, 2, 4]) {
    const level = levelAt(TABLE, t);
    const law = 0.49 * level.signal ** 2 + level.sigma ** 2;
    assert.ok(Math.abs(variance(addNoise(x0, noise, level)) / law - 1) < 0.02, `t = ${t}`);
  }
});

test("signal and noise: squares of sum one, in order, and whole times are what the table says", () => {
  const levels = Array.from({ length: 51 }, (_, k) => levelAt(TABLE, k / 10 - 1));
  for (const { signal, sigma } of levels) assert.ok(Math.abs(signal ** 2 + sigma ** 2 - 1) < 1e-12);
  assert.ok(levels.every(({ sigma }, k) => !k || sigma > levels[k - 1].sigma));
  TABLE.forEach((logSnr, t) => assert.deepEqual(levelAt(TABLE, t), levelOf(logSnr)));
  assert.ok(Math.abs(levelAt(TABLE, 2.5).signal ** 2 - 1 / (1 + Math.exp(1.5))) < 1e-12);
});

test("steps add up to places, each row from where it starts", () => {
  const places = placesOf({ ...STEPS, length: 2 }, [1, 0, 0, 1, -1, 0, 0, 0]);
  close(places, [0.06, -0.8, 0.06, -0.74, -0.06, -0.8, -0.06, -0.8], 1e-6);
});

test("nothing is dragged: the data is as it was", () => {
  for (const set of [PATH, STEPS, POINTS]) close(drag(set, [0, 0, 0, 0]), set.x0, 1e-9);
});

for (const [name, set] of Object.entries({ places: PATH, steps: STEPS })) {
  test(`a path of ${name} bends with its handles, and no other path moves`, () => {
    const by = moved(set, [0.3, -0.1, 0, 0.4]);
    close([...by.subarray(2 * pairOf(set, 0)).subarray(0, 2)], [0.3, -0.1]);
    close([...by.subarray(2 * pairOf(set, 1)).subarray(0, 2)], [0, 0.4]);
    close([...by.subarray(2 * (8 + 3), 2 * (8 + 5))], [0.2, 0.2 / 3, 0.1, 0.7 / 3]); // between the two
    close([...by.subarray(2 * 8, 2 * 9)], [0.1, -0.1 / 3]); // towards the end that stays
    close([...by.subarray(0, 16)], new Float32Array(16));
  });
}

test("points go with the handle that is nearest", () => {
  close(moved(POINTS, [0.1, 0.2, -0.3, 0]), [0.1, 0.2, -0.3, 0, 0.1, 0.2, -0.3, 0]);
});

test("three digits, rounded half up on what six digits say", () => {
  const said = [[0.9135, "0.914"], [0.91349999, "0.914"], [0.9134, "0.913"], [0, "0"], [1, "1"], [0.9996, "1"], [1e-13, "0"], [9.714e-7, "9.71e-7"], [123456, "123000"]];
  for (const [value, text] of said) assert.equal(threeDigits(value), text);
});

test("a schedule that stops too early is warned of", () => {
  assert.match(sayNoising(TABLE, -1, 0.01), /^t = -1 of 0 … 4 \(clean\): ᾱ = 1, so xₜ is 1 times the data \(grey\) plus 0 times noise\./);
  assert.match(sayNoising(TABLE, 2, 0.01), /^t = 2 of 0 … 4: ᾱ = 0\.5, .* 0\.707 times .* ᾱ = 0\.000123 is left\.$/);
  assert.match(sayNoising([6, -1], 0, 0.01), /ᾱ = 0\.269 is left\. ⚠ Too much: the last step is not noise yet\.$/);
});

test("what is dragged stays in view, and what is there already stays as it is", () => {
  const home = homesOf(PATH);
  close(home.slice(0, 2), placesOf(PATH, PATH.x0).subarray(2 * pairOf(PATH, 0), 2 * pairOf(PATH, 0) + 2));
  const shift = kept(home, [9, -9, 0.01, 0], 2);
  close(shift, [2 - home[0], -2 - home[1], 0.01, 0]);
  assert.deepEqual(kept(home, shift, 2), shift);
  assert.deepEqual(kept([0, 0], [1, -1, 0.5, 3], 2), [1, -1, 0, 0]); // what is not there is not dragged
});
