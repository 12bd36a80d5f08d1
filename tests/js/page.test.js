import assert from "node:assert/strict";
import test from "node:test";
import { readColor } from "../../dilviz/show/live/look.js";
import { makeModel, readState, readValue, showDemo, writeState } from "../../dilviz/show/live/page.js";

const number = { low: 0, high: 1, count: 0, whole: false, options: [] };
const bounds = {
  seed: { ...number, high: 99, whole: true },
  tree: { ...number, count: 2 },
  agents: { ...number, options: [1, 16] },
  mixture: { ...number, options: ["two moons", "a&b=c#d"] },
  shown: { ...number, options: [false, true] },
};
const first = { seed: 0, tree: [0.5, 0.5], agents: 16, mixture: "two moons", shown: true };

test("a value is read if it may be, and kept in its bounds", () => {
  assert.equal(readValue("0.25", number), 0.25);
  assert.equal(readValue("-7", number), 0);
  assert.equal(readValue("7.6", bounds.seed), 8);
  assert.deepEqual(readValue("0.1, 2", bounds.tree), [0.1, 1]);
  assert.equal(readValue("16", bounds.agents), 16);
  assert.equal(readValue("false", bounds.shown), false);
});

test("what makes no sense is no value", () => {
  for (const text of ["", " ", "x", "NaN", "Infinity", "1e999", "0.1,0.2", ","]) assert.equal(readValue(text, number), undefined, text);
  for (const text of ["0.1", "0.1,", "0.1,0.2,0.3", "0.1,x"]) assert.equal(readValue(text, bounds.tree), undefined, text);
  for (const text of ["", "2", "016", "constructor"]) assert.equal(readValue(text, bounds.agents), undefined, text);
});

test("an address tells what is known, and nothing else", () => {
  assert.deepEqual(readState("#seed=7&tree=0.4,0.5&moon=1&__proto__=x&agents=2", bounds), { seed: 7, tree: [0.4, 0.5] });
  assert.deepEqual(readState("", bounds), {});
  assert.deepEqual(readState("#%%%&=&&seed", bounds), {});
});

test("what is written is read back, and what is as at first is not written", () => {
  const state = { seed: 3, tree: [0.123456, 1], agents: 1, mixture: "a&b=c#d", shown: false };
  const text = writeState((name) => state[name], first, bounds);
  assert.deepEqual(readState(text, bounds), { ...state, tree: [0.1235, 1] });
  assert.equal(writeState((name) => first[name], first, bounds), "");
});

test("a model tells those who listen, when something has changed and until they leave", () => {
  const model = makeModel({ a: 1, b: { c: [1, 2] } });
  let told = 0;
  const hear = () => void told++;
  model.on("change:a", hear);
  model.on("change:b", hear);
  model.set("a", 1);
  model.set("b", { c: [1, 2] });
  assert.equal(told, 0);
  model.set("a", 2);
  model.set("b", { c: [1, 3] });
  assert.equal(told, 2);
  assert.deepEqual(model.get("b"), { c: [1, 3] });
  model.off("change:a", hear);
  model.set("a", 3);
  assert.equal(told, 2);
});

test("a demo hears where to go, and tells each change once", () => {
  const told = [];
  let view;
  const render = (given) => {
    view = given;
    return () => {};
  };
  const demo = showDemo(render, { ...first, bounds, score: {} }, null, "#seed=7", (state) => told.push(state));
  assert.equal(view.model.get("seed"), 7);
  view.model.set("score", { left: 3 });
  view.model.save_changes();
  view.model.set("seed", 8);
  view.model.save_changes();
  view.model.save_changes();
  assert.deepEqual(told, ["seed=8"]);
  demo.go("#tree=0.1,0.2");
  assert.deepEqual([view.model.get("seed"), view.model.get("tree")], [0, [0.1, 0.2]]);
  assert.deepEqual(told, ["seed=8"]);
});

test("light and dark are told apart in every notation", () => {
  const dark = ["rgb(20, 20, 30)", "rgba(0, 0, 0, 0.5)", "color(srgb 0.1 0.1 0.1)", "oklch(0.2 0.1 30)", "lab(12 40 -9)"];
  const light = ["rgb(250 250 240)", "color(display-p3 0.9 0.9 1 / 0.4)", "oklab(0.95 0 0)", "lch(90 2 none)"];
  for (const color of dark) assert.ok(readColor(color).light < 0.5, color);
  for (const color of light) assert.ok(readColor(color).light > 0.5, color);
  assert.equal(readColor("rgba(0, 0, 0, 0)").alpha, 0);
  assert.equal(readColor("color(srgb 1 1 1 / 0.25)").alpha, 0.25);
  assert.equal(readColor("rgb(1, 2, 3)").alpha, 1);
});
