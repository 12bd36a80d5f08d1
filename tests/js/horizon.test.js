import assert from "node:assert/strict";
import test from "node:test";
import { gripOf, spans } from "../../dilviz/show/live/horizon_picture.js";
import { countAgents, makeCrew, walkOut } from "../../dilviz/show/live/horizon_world.js";
import { makePlan } from "../../dilviz/show/live/samplers.js";

const RULES = { max_step: 0.03, max_steps: 60, goal_radius: 0.05, spread: 0 };
const SCENE = { tree: [0.5, 0.5], radius: 0.2, goal: [0.5, 0.9], start: [0.1, 0.1] };
const HOW = { steps: 1, acted: 2, delay: 0, wind: 0 };

/** A policy without weights but a bias: it plans upward, each action a little faster than the one before. */
function rising(horizon) {
  const answer = Float32Array.from({ length: 2 * horizon }, (_, k) => (k % 2 ? 0.01 * ((k + 1) / 2) : 0));
  const blank = (inputs) => ({ inputs, outputs: 2, weight: new Float32Array(2 * inputs), bias: new Float32Array(2) });
  const layer = { inputs: 2, outputs: answer.length, weight: new Float32Array(2 * answer.length), bias: answer };
  const scale = { low: [-1, -1], high: [1, 1] };
  return {
    kind: "diffusion",
    network: { first: { x: blank(answer.length), time: blank(32), cond: blank(2) }, bias: new Float32Array(2), layers: [layer], outputs: answer.length },
    scales: { observation: { low: [0, 0], high: [1, 1] }, action: scale },
    obs_horizon: 1,
    action_horizon: 2,
    prediction_type: "sample",
    plans: { 1: makePlan([9, 0.5, 0.8, 0, 1, 0, 0]) }, // one pass: what the network says
  };
}
const speeds = ({ actions }) => actions.map(([, y]) => Math.round(100 * y));

test("the first actions of each plan are done, and then there is a new look", () => {
  const crew = makeCrew(rising(6), SCENE, RULES, HOW, [0]);
  for (let k = 0; k < 5; k++) crew.step();
  assert.deepEqual(speeds(crew.agents[0]), [1, 2, 1, 2, 1]);
  assert.deepEqual([crew.looks, crew.at, crew.blind], [3, 0, 1]);
});

test("who is late leaves out what has passed, and at the start nothing is older than the start", () => {
  const crew = makeCrew(rising(6), SCENE, RULES, { ...HOW, delay: 3 }, [0]);
  const looked = [];
  for (let k = 0; k < 8; k++) {
    crew.step();
    looked.push(crew.agents[0].looked);
  }
  assert.deepEqual(speeds(crew.agents[0]), [1, 2, 3, 4, 4, 5, 4, 5]);
  assert.deepEqual(looked, [0, 0, 0, 0, 1, 1, 3, 3]);
});

test("a push moves who is on the way, and not the plan", () => {
  const crew = makeCrew(rising(6), SCENE, RULES, HOW, [0, 1]);
  crew.step();
  const [x, y] = crew.agents[0].places[1];
  crew.push(([u, v]) => [u + 0.2, v - 5]);
  crew.push(([u, v]) => [u + 0.1, v]);
  assert.deepEqual(crew.agents[0].places[1], [x + 0.2 + 0.1, 0]);
  assert.deepEqual(crew.agents[1].pushed, [1]);
  assert.ok(y > 0 && crew.unaware);
  crew.step();
  assert.ok(crew.unaware);
  crew.step();
  assert.ok(!crew.unaware); // somebody has looked
  assert.deepEqual(speeds(crew.agents[0]), [1, 2, 1]);
});

test("who is put into the tree has crashed, and walks no more", () => {
  const crew = makeCrew(rising(6), SCENE, RULES, HOW, [0]);
  crew.step();
  crew.push(([u, v]) => [u + 0.4, v + 0.4]);
  assert.equal(crew.agents[0].outcome, "");
  crew.settle();
  assert.equal(crew.agents[0].outcome, "crashed");
  crew.push(([u, v]) => [u - 0.4, v]);
  assert.ok(crew.agents[0].places[1][0] > 0.45);
  assert.deepEqual(countAgents(walkOut(crew).agents), { left: 0, right: 0, failed: 1, arrived: 0, of: 1, turn: 0 });
});

test("the wind is drawn from the seed, as strong as it is told to be, and does not stir the noise", () => {
  const seeds = Array.from({ length: 200 }, (_, k) => k);
  const walked = (wind) => {
    const crew = makeCrew(rising(6), SCENE, RULES, { ...HOW, wind }, seeds);
    crew.step();
    return crew.agents;
  };
  const [calm, windy] = [walked(0), walked(0.02)];
  const blown = windy.map(({ places: [, [x]] }, k) => x - calm[k].places[1][0]);
  const mean = blown.reduce((sum, one) => sum + one, 0) / 200;
  const spread = Math.sqrt(blown.reduce((sum, one) => sum + (one - mean) ** 2, 0) / 200);
  assert.ok(Math.abs(mean) < 0.005 && Math.abs(spread - 0.02) < 0.003, `${mean} ${spread}`);
  assert.deepEqual(windy.map(({ generator }) => generator.drawn), calm.map(({ generator }) => generator.drawn));
  assert.deepEqual(walked(0.02)[7].places, windy[7].places);
});

test("the direction turns by the angle between actions", () => {
  const agent = { outcome: "left", actions: [[1, 0], [0, 1], [-1, -1]] };
  const { turn, arrived } = countAgents([agent]);
  assert.ok(Math.abs(turn - (90 + 135) / 2) < 1e-9);
  assert.equal(arrived, 1);
});

test("the tape begins at the oldest observation, and what is done after the delay", () => {
  const horizons = { obs: 3, pred: 10, acted: 4, delay: 2 };
  assert.deepEqual(spans(horizons), { sees: [-2, 0], waits: [0, 1], does: [2, 5], predicts: [-2, 7] });
  assert.deepEqual(gripOf("sees", horizons)[0], -2.5);
  assert.deepEqual(gripOf("waits", { ...horizons, delay: 0 })[0], -0.5);
  assert.deepEqual(gripOf("predicts", horizons)[0], 7.5);
});
