import assert from "node:assert/strict";
import test from "node:test";
import { actionsOf, condition, makeWalker, move, outside, sideOf, walk, walks } from "../../dilviz/show/live/fork_world.js";
import { makePlan } from "../../dilviz/show/live/samplers.js";

const RULES = { max_step: 0.03, max_steps: 60, goal_radius: 0.05 };
const SCENE = { tree: [0.5, 0.5], radius: 0.2, goal: [0.5, 0.9], start: [0.5, 0.1] };
const near = (a, b, within = 1e-6) => a.forEach((value, i) => assert.ok(Math.abs(value - b[i]) <= within, `${a} is not ${b}`));

/** A policy without weights but a bias: whatever it sees, it answers with these scaled numbers. */
function always(answer, more = {}) {
  const size = answer.length;
  const layer = { inputs: 2, outputs: size, weight: new Float32Array(2 * size), bias: Float32Array.from(answer) };
  const scale = { low: [-1, -1], high: [1, 1] };
  const blank = (inputs) => ({ inputs, outputs: 2, weight: new Float32Array(2 * inputs), bias: new Float32Array(2) });
  return {
    kind: "cloning",
    network: { first: { x: blank(size), time: blank(32), cond: blank(4) }, bias: new Float32Array(2), layers: [layer], outputs: size },
    scales: { observation: { low: [0, 0], high: [1, 1] }, action: scale },
    obs_horizon: 2,
    action_horizon: size / 2,
    ...more,
  };
}

test("no step is longer than the longest, and none leaves the square", () => {
  const { position } = move(SCENE, [0.2, 0.2], [30, 40], RULES);
  near(position, [0.2 + 0.03 * 0.6, 0.2 + 0.03 * 0.8]);
  near(move(SCENE, [0.2, 0.2], [0.5, 0], RULES).position, [0.215, 0.2]);
  near(move(SCENE, [0.99, 0.2], [1, 0], RULES).position, [1, 0.2]);
});

test("who crosses the tree between two places has crashed, wherever the step ends", () => {
  const thin = { ...SCENE, radius: 0.001 };
  assert.equal(move(thin, [0.49, 0.5], [1, 0], RULES).crashed, true);
  assert.equal(move(thin, [0.49, 0.51], [1, 0], RULES).crashed, false);
  assert.deepEqual(move(SCENE, [0.5, 0.88], [0, 1], RULES).arrived, true);
  assert.deepEqual(move({ ...SCENE, tree: [0.5, 0.9] }, [0.5, 0.88], [0, 1], RULES), { position: [0.5, 0.91], crashed: true, arrived: false });
});

test("sides are seen from the start, however the scene is turned", () => {
  const around = [[0.5, 0.1], [0.2, 0.5], [0.5, 0.9]];
  assert.equal(sideOf(SCENE, around), "left");
  assert.equal(sideOf({ ...SCENE, start: SCENE.goal, goal: SCENE.start }, [...around].reverse()), "right");
  const quarter = ([x, y]) => [1 - y, x];
  const turned = { ...SCENE, goal: quarter(SCENE.goal), tree: quarter(SCENE.tree) };
  assert.equal(sideOf(turned, around.map(quarter)), "left");
});

test("what is seen is scaled to what training saw, and the first place stands in for those before it", () => {
  const policy = always([0, 0], { scales: { observation: { low: [0, 0.5], high: [0.5, 0.5] }, action: { low: [0, 0], high: [1, 1] } } });
  near(condition(policy, SCENE, [[0.25, 0.5]]), [0, 0, 0, 0]);
  near(condition(policy, SCENE, [[0.5, 0.5], [0, 0.75]]), [1, 0, -1, 0.25]);
});

test("a diffusion policy's chunk begins in the past, a cloned one's now", () => {
  const chunk = [0, 0, 1, -1, 0.5, 0.5];
  assert.equal(actionsOf(always(chunk), chunk, 0, 6).length, 3);
  const later = actionsOf({ ...always(chunk), kind: "diffusion" }, chunk, 0, 6);
  near(later.flat(), [1, -1, 0.5, 0.5]);
});

test("walks end in the tree, at the goal, or when time is up", () => {
  const ends = (answer, scene) => walks(always(answer), 0, [scene], [0], RULES)[0];
  assert.equal(ends([0, 1], SCENE).outcome, "crashed");
  assert.equal(ends([0, 1], { ...SCENE, tree: [0.2, 0.5], radius: 0.1 }).outcome, "right");
  const still = ends([0, 0], SCENE);
  assert.deepEqual([still.outcome, still.places.length], ["late", 61]);
});

/** One step of denoising that keeps the noise as it is: what an agent does is what its seed drew. */
const noisy = always([0, 0, 0, 0], { kind: "diffusion", prediction_type: "sample", obs_horizon: 1, plans: { 1: makePlan([0, 1, 0, 1, 0, 0, 0]) } });

test("an agent's walk depends on its seed alone, not on its neighbours", () => {
  const alone = walks(noisy, 1, [SCENE], [7], RULES)[0];
  const among = walks(noisy, 1, [SCENE, SCENE, SCENE], [3, 7, 8], RULES);
  assert.deepEqual(among[1].places, alone.places);
  assert.notDeepEqual(among[0].places, alone.places);
  assert.deepEqual(walks(noisy, 1, [SCENE], [7], RULES)[0].places, alone.places);
});

test("one yield a pass and one a step, and a scene that has moved is met at the next of them", () => {
  const scene = { ...SCENE, tree: [0.2, 0.5], radius: 0.1 };
  const walker = makeWalker(scene.start, 0);
  const events = walk(always([0, 1]), 0, [walker], () => scene, RULES);
  events.next();
  assert.equal(walker.outcome, "");
  scene.tree = [walker.places[1][0], walker.places[1][1] + 0.11];
  events.next();
  assert.equal(walker.outcome, "crashed");
  const kinds = [...walk(noisy, 1, [makeWalker(SCENE.start, 1)], () => SCENE, RULES)].slice(0, 5).map(({ kind, stage }) => `${kind} ${stage}`);
  assert.deepEqual(kinds, ["thought 0", "thought 1", "step 1", "step 1", "thought 0"]);
});

test("what lies outside of the training is known", () => {
  const trained = { tree: [[0.4, 0.6], [0.4, 0.6]], radius: [[0.1, 0.2]], goal: [[0, 1], [0, 1]], start: [[0, 1], [0, 1]] };
  assert.equal(outside(SCENE, trained), false);
  assert.equal(outside({ ...SCENE, tree: [0.5, 0.61] }, trained), true);
  assert.equal(outside({ ...SCENE, radius: 0.25 }, trained), true);
});
