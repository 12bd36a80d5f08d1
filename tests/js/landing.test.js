import assert from "node:assert/strict";
import test from "node:test";
import { flames, makeFrame, placeLabels, stateAt } from "../../dilviz/show/landing.js";

const PAGE = { left: 0, right: 600, top: 0, low: 400 };
const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.low && b.top < a.low;
const lander = (x, y) => ({ x, y, radius: 26, width: 80, height: 22 });
const around = ({ x, y, radius }) => ({ left: x - radius, right: x + radius, top: y - radius, low: y + radius });

test("between two states a lander is where the line between them says", () => {
  const states = [[0, 10], [4, 20], [5, 0]];
  assert.deepEqual(stateAt(states, 1), [4, 20]);
  assert.deepEqual(stateAt(states, 0.25), [1, 12.5]);
  assert.deepEqual(stateAt(states, 1.5), [4.5, 10]);
});

test("before the first and after the last state it stands", () => {
  const states = [[0, 10], [4, 20]];
  assert.deepEqual(stateAt(states, -3), [0, 10]);
  assert.deepEqual(stateAt(states, 1), [4, 20]);
  assert.deepEqual(stateAt(states, 17.5), [4, 20]);
});

test("an engine that is off has no flame; the main one's grows with its power, below", () => {
  assert.deepEqual(flames([0, 0]), []);
  const depth = (power) => Math.min(...flames([power, 0])[0].map(([, y]) => y));
  assert.ok(depth(1) < depth(0.5) && depth(0.5) < -11);
  assert.equal(flames([0.6, -0.8]).length, 2);
});

test("a side engine's flame stands on the side that it pushes from, and the two are mirrored", () => {
  const [right, left] = [flames([0, 1])[0], flames([0, -1])[0]];
  assert.ok(right.every(([x]) => x < 0));
  assert.deepEqual(left, right.map(([x, y]) => [-x, y]));
});

test("the scene is in the middle, as large as fits, and no higher than a page allows", () => {
  const [narrow, wide] = [makeFrame(300), makeFrame(2000)];
  assert.equal(narrow.scale, 0.5);
  assert.deepEqual([narrow.at([-1, 0])[0], narrow.at([1, 0])[0]], [0, 300]);
  assert.equal(wide.low, 420);
  assert.equal(wide.at([0, 0])[0], 1000);
  assert.ok(wide.at([0, 1])[1] < wide.at([0, 0])[1]);
});

test("a label is on the page, and covers no lander and no other label", () => {
  const row = [100, 160, 220, 260].map((x) => lander(x, 200));
  for (const landers of [[lander(300, 200)], [lander(5, 5), lander(595, 395)], row]) {
    const labels = placeLabels(landers, PAGE);
    assert.equal(labels.length, landers.length);
    labels.forEach((label, k) => {
      assert.ok(label.left >= 0 && label.right <= 600 && label.top >= 0 && label.low <= 400);
      assert.ok(Math.abs(label.right - label.left - 80) < 1e-9 && Math.abs(label.low - label.top - 22) < 1e-9);
      assert.ok(!landers.some((other) => overlap(label, around(other))));
      assert.ok(!labels.some((other, j) => j !== k && overlap(label, other)));
    });
  }
});

test("two landers that are apart have their labels on the outside", () => {
  const [left, right] = placeLabels([lander(200, 200), lander(400, 200)], PAGE);
  assert.ok(left.right < 200 && right.left > 400);
});

test("a label keeps clear of what is to be avoided, where there is room beside it", () => {
  const [free] = placeLabels([lander(300, 200)], PAGE);
  const [label] = placeLabels([lander(300, 200)], PAGE, [free]);
  assert.ok(!overlap(label, free));
});

test("a label stays on its side until there is good reason to move", () => {
  const [atEdge] = placeLabels([lander(580, 200)], PAGE);
  assert.ok(atEdge.right < 580);
  const [fresh] = placeLabels([lander(300, 200)], PAGE);
  assert.ok(fresh.left > 300);
  const [stays] = placeLabels([lander(300, 200)], PAGE, [], [atEdge]);
  assert.ok(stays.right < 300);
  const [moves] = placeLabels([lander(20, 200)], PAGE, [], [stays]);
  assert.ok(moves.left > 20);
});
