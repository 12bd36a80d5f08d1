import assert from "node:assert/strict";
import test from "node:test";
import { placeLabels } from "../../dilviz/show/live/labels.js";
import { arrangeFilms, crowded, flames, frameAt, heightOf, marksAt, placeAt } from "../../dilviz/show/live/player_layout.js";
import { makeFrame } from "../../dilviz/show/live/stage.js";

const PAGE = { left: 0, right: 600, top: 0, low: 400 };
const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.low && b.top < a.low;
const lander = (x, y) => ({ x, y, radius: 26, width: 80, height: 22 });
const around = ({ x, y, radius }) => ({ left: x - radius, right: x + radius, top: y - radius, low: y + radius });
const track = (places, more = {}) => ({ role: "expert", label: "expert", ends: "", failed: false, powers: [], places, ...more });
const scene = (tracks, more = {}) => ({ tracks, films: [], background: [], craft: null, x: [0, 4], y: [0, 2], size: [1, 1], ...more });

test("between two places a walker is where the line between them says, its angle too", () => {
  const places = [[0, 10, 0], [4, 20, 1], [5, 0, 3]];
  assert.deepEqual(placeAt(places, 1), [4, 20, 1]);
  assert.deepEqual(placeAt(places, 0.25), [1, 12.5, 0.25]);
  assert.deepEqual(placeAt(places, 1.5), [4.5, 10, 2]);
});

test("before the first and after the last place it stands", () => {
  const places = [[0, 10], [4, 20]];
  assert.deepEqual(placeAt(places, -3), [0, 10]);
  assert.deepEqual(placeAt(places, 1), [4, 20]);
  assert.deepEqual(placeAt(places, 17.5), [4, 20]);
});

test("of a thinned film the frame is shown that was taken last", () => {
  const steps = [0, 3, 7];
  assert.deepEqual([-1, 0, 2.9, 3, 6, 7, 99].map((step) => frameAt(steps, step)), [0, 0, 0, 1, 1, 2, 2]);
});

test("a jet that is off has no flame; a flame grows with its power, from the middle of its base", () => {
  const jets = [{ base: [[-6, -11], [6, -11]], tip: [0, -30] }, { base: [[-17, 8], [-17, 14]], tip: [-18, 0] }];
  assert.deepEqual(flames(jets, [0, 0]), []);
  assert.deepEqual(flames(jets, [0.5, 0]), [[[-6, -11], [6, -11], [0, -26]]]);
  assert.deepEqual(flames(jets, [0, 1]), [[[-17, 8], [-17, 14], [-35, 11]]]);
});

test("films lie side by side where there is room, else below each other, and never beyond the page", () => {
  for (const width of [320, 360, 960]) {
    for (const count of [1, 2, 3, 5]) {
      const { boxes, height } = arrangeFilms(count, width, 2 / 3);
      assert.equal(boxes.length, count);
      boxes.forEach((box, k) => {
        assert.ok(box.left >= 0 && box.left + box.width <= width + 1e-9 && box.top + box.height <= height);
        const other = boxes[k + 1];
        if (other) assert.ok(other.left >= box.left + box.width || other.top >= box.top + box.height);
      });
    }
  }
  assert.equal(new Set(arrangeFilms(3, 960, 2 / 3).boxes.map(({ top }) => top)).size, 1);
  assert.equal(new Set(arrangeFilms(3, 320, 2 / 3).boxes.map(({ top }) => top)).size, 2);
});

test("a scene is as wide as the page, and no higher than a page allows", () => {
  assert.equal(heightOf(scene([track([[0, 0]])]), 300), 150);
  assert.equal(heightOf(scene([track([[0, 0]])]), 3000), 420);
});

test("a track says how it ended when it has, and not before; a nameless one has no label", () => {
  const frame = makeFrame({ left: 0, top: 0, width: 400, height: 200 }, [0, 4], [0, 2]);
  const tracks = [track([[0, 0], [4, 2]], { ends: "lands softly" }), track([[1, 1], [2, 2], [3, 1]], { label: "" })];
  const at = (step) => marksAt(scene(tracks), frame, step, (text) => 7 * text.length);
  assert.deepEqual(at(0.5).map(({ x, y, ended }) => [x, y, ended]), [[200, 100, false], [150, 50, false]]);
  const [[flying, nameless], [landed]] = [at(0.5), at(1)];
  assert.equal(nameless.width, 0);
  assert.ok(landed.ended && landed.width > flying.width && landed.height > flying.height);
});

test("labels keep clear of the tree and the ways, where there is room", () => {
  const frame = makeFrame({ left: 0, top: 0, width: 400, height: 200 }, [0, 4], [0, 2]);
  const tree = { kind: "disc", points: [[2, 1]], radius: 0.5, role: "tree", name: "tree" };
  const [bead, disc] = crowded(scene([track([[1, 1], [3, 1]])], { background: [tree] }), frame);
  assert.deepEqual(bead, { left: 95, right: 105, top: 95, low: 105 });
  assert.deepEqual(disc, { left: 150, right: 250, top: 50, low: 150 });
});

test("a mark without a name has no box, and no label covers it", () => {
  const [free] = placeLabels([lander(300, 200)], PAGE);
  const other = { x: (free.left + free.right) / 2, y: (free.top + free.low) / 2, radius: 7, width: 0, height: 0 };
  const [label, none] = placeLabels([lander(300, 200), other], PAGE);
  assert.equal(none, undefined);
  assert.ok(!overlap(label, around(other)));
});

test("a label is on the page, and covers no mark and no other label", () => {
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

test("two marks that are apart have their labels on the outside", () => {
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
