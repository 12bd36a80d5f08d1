import assert from "node:assert/strict";
import test from "node:test";
import { makeFrame, say, simplify, toData, toScreen } from "../../dilviz/show/pad.js";

const NO_MARGIN = [0, 0, 0, 0];

test("y points up in data and down on the screen", () => {
  const frame = makeFrame(200, 100, [0, 2], [0, 1], false, NO_MARGIN);
  assert.deepEqual(toScreen(frame, [0, 0]), [0, 100]);
  assert.deepEqual(toScreen(frame, [2, 1]), [200, 0]);
  assert.deepEqual(toData(frame, [50, 25]), [0.5, 0.75]);
});

test("the ranges fill what the margins leave", () => {
  const frame = makeFrame(100, 100, [-1, 1], [5, 9], false, [10, 20, 30, 40]);
  assert.deepEqual(toScreen(frame, [-1, 9]), [10, 30]);
  assert.deepEqual(toScreen(frame, [1, 5]), [80, 60]);
});

test("with equal scales a square stays a square, in the middle", () => {
  const frame = makeFrame(300, 100, [0, 1], [0, 1], true, NO_MARGIN);
  assert.equal(frame.scaleX, frame.scaleY);
  assert.deepEqual(toScreen(frame, [0, 0]), [100, 100]);
  assert.deepEqual(toScreen(frame, [1, 1]), [200, 0]);
});

test("from data to the screen and back nothing is lost but what lies beyond six digits", () => {
  const frame = makeFrame(640, 480, [-3, 5], [-2, 7], true, [44, 10, 10, 26]);
  for (const point of [[-3, 7], [0.123456, -1.98765], [4.99999, 0]]) {
    assert.deepEqual(toData(frame, toScreen(frame, point)), point);
  }
  const [x] = toData(frame, toScreen(frame, [1 / 3, 0]));
  assert.equal(x, 0.333333);
});

test("a place beyond the ranges is the nearest point within", () => {
  const frame = makeFrame(100, 100, [0, 1], [0, 1], false, NO_MARGIN);
  assert.deepEqual(toData(frame, [-20, 50]), [0, 0.5]);
  assert.deepEqual(toData(frame, [120, 130]), [1, 0]);
});

test("of a straight line only the ends stay, of a corner the corner too", () => {
  const straight = [[0, 0], [1, 0.01], [2, -0.01], [3, 0]];
  assert.deepEqual(simplify(straight, 0.1), [[0, 0], [3, 0]]);
  const corner = [[0, 0], [1, 0], [2, 0], [2, 1], [2, 2]];
  assert.deepEqual(simplify(corner, 0.1), [[0, 0], [2, 0], [2, 2]]);
});

test("no point that is left out lies farther than the tolerance from what is kept", () => {
  const wave = Array.from({ length: 200 }, (_, i) => [i, 20 * Math.sin(i / 15)]);
  const kept = simplify(wave, 0.8);
  assert.deepEqual([kept[0], kept.at(-1)], [wave[0], wave.at(-1)]);
  assert.ok(kept.length < 60, `${kept.length} of 200 points are kept`);
  for (const [x, y] of wave) {
    const i = Math.max(1, kept.findIndex(([u]) => u >= x));
    const [[u0, v0], [u1, v1]] = [kept[i - 1], kept[i]];
    const off = Math.abs((u1 - u0) * (y - v0) - (v1 - v0) * (x - u0)) / Math.hypot(u1 - u0, v1 - v0);
    assert.ok(off <= 0.8 + 1e-9, `(${x}, ${y}) is off by ${off}`);
  }
});

test("a closed line keeps its farthest point, and less than three points are kept as they are", () => {
  assert.deepEqual(simplify([[0, 0], [4, 3], [0, 0]], 1), [[0, 0], [4, 3], [0, 0]]);
  assert.deepEqual(simplify([[1, 2]], 1), [[1, 2]]);
  assert.deepEqual(simplify([], 1), []);
});

test("a line that runs past its end and back keeps the turn", () => {
  assert.deepEqual(simplify([[0, 0], [8, 0], [4, 0]], 1), [[0, 0], [8, 0], [4, 0]]);
});

test("what is drawn is said in words", () => {
  assert.equal(say([], []), "Nothing drawn yet");
  assert.equal(say([[0, 0]], []), "1 point");
  assert.equal(say([], [[], []]), "2 strokes");
  assert.equal(say([[0, 0], [1, 1]], [[]]), "2 points, 1 stroke");
});
