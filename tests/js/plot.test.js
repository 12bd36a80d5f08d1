import assert from "node:assert/strict";
import test from "node:test";
import { fitted } from "../../dilviz/show/plot.js";

const layout = () => ({
  height: 300,
  xaxis: { domain: [0, 0.4] },
  meta: { narrow: { height: 500, "xaxis.domain": [0, 1] } },
});

test("where there is room the layout stays as it is", () => {
  assert.deepEqual(fitted(layout(), 560), layout());
});

test("where there is little, what is said for narrow pages replaces its place, however deep", () => {
  const { height, xaxis } = fitted(layout(), 559);
  assert.equal(height, 500);
  assert.deepEqual(xaxis.domain, [0, 1]);
});

test("a layout that says nothing about narrow pages stays as it is", () => {
  assert.deepEqual(fitted({ height: 300 }, 320), { height: 300 });
  assert.deepEqual(fitted({ height: 300, meta: {} }, 320), { height: 300, meta: {} });
});
