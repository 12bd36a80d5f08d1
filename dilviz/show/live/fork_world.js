// The fork without a picture: dynamics (those of dilviz/envs/fork.py, held to it by recorded rollouts), policies, walks.

import { denoiser, makeNetwork, regress } from "./network.js";
import { clamp, draw, floats, makeGenerator } from "./numbers.js";
import { makePlan, sampling } from "./samplers.js";

/** @typedef {{tree: Point, radius: number, goal: Point, start: Point}} Scene */
/** @typedef {{max_step: number, max_steps: number, goal_radius: number}} Rules */

// --- the dynamics -----------------------------------------------------------------------------------------------------

/** @param {Point} point @param {Point} a @param {Point} b */
function distanceToSegment(point, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const along = (point[0] - a[0]) * dx + (point[1] - a[1]) * dy;
  const part = clamp(along / Math.max(dx * dx + dy * dy, 1e-12), 0, 1);
  return Math.hypot(a[0] + part * dx - point[0], a[1] + part * dy - point[1]);
}

/**
 * One step of the dynamics. Who crosses the tree on the way has crashed.
 * @param {Scene} scene
 * @param {Point} position
 * @param {Point} action direction and speed; one longer than 1 is shortened
 * @param {Rules} rules
 * @param {Point} [blown] how far the wind carries it beside its own step
 */
export function move(scene, position, action, rules, blown = [0, 0]) {
  const far = rules.max_step / Math.max(Math.hypot(...action), 1);
  const along = (/** @type {0 | 1} */ k) => clamp(position[k] + far * action[k] + blown[k], 0, 1);
  /** @type {Point} */
  const after = [along(0), along(1)];
  const crashed = distanceToSegment(scene.tree, position, after) < scene.radius;
  const arrived = !crashed && Math.hypot(after[0] - scene.goal[0], after[1] - scene.goal[1]) < rules.goal_radius;
  return { position: after, crashed, arrived };
}

/**
 * Which way round a walk went, seen from its start.
 * @param {Scene} scene
 * @param {Point[]} places
 */
export function sideOf(scene, places) {
  const along = [scene.goal[0] - places[0][0], scene.goal[1] - places[0][1]];
  const off = (/** @type {Point} */ [x, y]) => [x - scene.tree[0], y - scene.tree[1]];
  const ahead = (/** @type {number[]} */ past) => Math.abs(past[0] * along[0] + past[1] * along[1]);
  const passing = places.map(off).reduce((best, past) => (ahead(past) < ahead(best) ? past : best));
  return along[0] * passing[1] - along[1] * passing[0] > 0 ? "left" : "right";
}

// --- policies ---------------------------------------------------------------------------------------------------------

/**
 * @typedef {{low: number[], high: number[]}} Scale
 * @typedef {object} Policy
 * @property {string} kind "diffusion" or "cloning"
 * @property {import("./network.js").Network} network
 * @property {{observation: Scale, action: Scale}} scales
 * @property {number} obs_horizon
 * @property {number} action_horizon
 * @property {string} prediction_type
 * @property {Record<string, import("./samplers.js").Step[]>} plans by number of steps
 */

/** A policy as Python packed it. @param {any} packed @returns {Policy} */
export function makePolicy(packed) {
  const plans = Object.entries(packed.plans ?? {}).map(([steps, numbers]) => [steps, makePlan(floats(numbers))]);
  return { ...packed, network: makeNetwork(packed.network), plans: Object.fromEntries(plans) };
}

/**
 * What the network is told: the last observations, each number scaled to [-1, 1].
 * @param {Policy} policy
 * @param {Scene} scene as it is now
 * @param {Point[]} places the last ones, the newest last
 */
export function condition({ obs_horizon, scales: { observation } }, scene, places) {
  const { low, high } = observation;
  const world = low.length > 2 ? [...scene.tree, scene.radius, ...scene.goal] : [];
  const seen = Array.from({ length: obs_horizon }, (_, k) => places[Math.max(places.length - obs_horizon + k, 0)]);
  return seen.flatMap((place) =>
    [...place, ...world].map((value, i) => {
      const range = high[i] - low[i];
      return range > 0 ? (2 * (Math.fround(value) - low[i])) / range - 1 : 2 * ((Math.fround(value) - low[i]) / 2);
    }),
  );
}

/**
 * Actions from now on that a scaled chunk means.
 * @param {Policy} policy
 * @param {ArrayLike<number>} chunks (rows, horizon · 2)
 * @param {number} row
 * @param {number} size numbers of a row
 * @returns {Point[]}
 */
export function actionsOf({ kind, obs_horizon, scales: { action } }, chunks, row, size) {
  const past = kind === "diffusion" ? obs_horizon - 1 : 0; // a diffusion policy's chunk begins at the oldest observation
  const back = (/** @type {number} */ value, /** @type {number} */ i) => {
    const range = action.high[i] - action.low[i];
    return range > 0 ? action.low[i] + ((value + 1) / 2) * range : action.low[i];
  };
  /** @type {Point[]} */
  const actions = [];
  for (let k = row * size + 2 * past; k < (row + 1) * size; k += 2) actions.push([back(chunks[k], 0), back(chunks[k + 1], 1)]);
  return actions;
}

// --- walks ------------------------------------------------------------------------------------------------------------

/**
 * @typedef {object} Walker
 * @property {Point[]} places that it has been at, the first and the present one included
 * @property {{seed: number, drawn: number}} generator of its noise
 * @property {"" | "left" | "right" | "crashed" | "late"} outcome "" while it walks
 */

/** @param {Point} start @param {number} seed @returns {Walker} */
export const makeWalker = (start, seed) => ({ places: [start], generator: makeGenerator(seed), outcome: "" });

/** One step of a walk. @param {Walker} walker @param {Scene} scene @param {Point} action @param {Rules} rules @param {Point} [blown] by the wind */
export function step(walker, scene, action, rules, blown) {
  const { position, crashed, arrived } = move(scene, walker.places[walker.places.length - 1], action, rules, blown);
  walker.places.push(position);
  if (crashed) walker.outcome = "crashed";
  else if (arrived) walker.outcome = /** @type {"left" | "right"} */ (sideOf(scene, walker.places.slice(0, -1)));
  else if (walker.places.length > rules.max_steps) walker.outcome = "late";
}

/**
 * All walk to their ends, in step. One yield a pass through the network, and one a step of the walk; in between, scenes
 * may change: what is thought from then on is told of it.
 * @param {Policy} policy
 * @param {number} steps of denoising
 * @param {Walker[]} walkers
 * @param {(walker: Walker) => Scene} sceneOf
 * @param {Rules} rules
 */
export function* walk(policy, steps, walkers, sceneOf, rules) {
  const size = policy.network.outputs;
  for (let look = 0; walkers.some(({ outcome }) => !outcome); look++) {
    const active = walkers.filter(({ outcome }) => !outcome);
    const tell = () => active.map((walker) => condition(policy, sceneOf(walker), walker.places));
    /** @type {Float32Array} */
    let chunks = new Float32Array(0);
    if (policy.kind === "diffusion") {
      const noise = rowsOf(active, size);
      yield { kind: "thought", look, stage: 0, active, chunks: noise };
      let stage = 0;
      for (const { x } of thinking(policy, steps, tell, noise, () => rowsOf(active, size))) {
        chunks = x;
        yield { kind: "thought", look, stage: ++stage, active, chunks };
      }
    } else chunks = regress(policy.network, tell());
    const plans = active.map((_, row) => actionsOf(policy, chunks, row, size));
    for (let k = 0; k < policy.action_horizon; k++) {
      active.forEach((walker, row) => walker.outcome || step(walker, sceneOf(walker), plans[row][k], rules));
      yield { kind: "step", look, stage: steps, active, chunks };
      if (active.every(({ outcome }) => outcome)) break;
    }
  }
}

/** The next draws of all, side by side. @param {Walker[]} walkers @param {number} size */
export function rowsOf(walkers, size) {
  const rows = new Float32Array(walkers.length * size);
  walkers.forEach(({ generator }, k) => rows.set(draw(generator, size), k * size));
  return rows;
}

/**
 * Chunks out of noise, a pass at a time; each pass is told what the scenes are like by then.
 * @param {Policy} policy
 * @param {number} steps
 * @param {() => number[][]} tell
 * @param {Float32Array} noise
 * @param {() => Float32Array} fresh
 */
function thinking(policy, steps, tell, noise, fresh) {
  let told = "";
  /** @type {ReturnType<typeof denoiser>} */
  let predict;
  const look = (/** @type {Float32Array} */ x, /** @type {number} */ t) => {
    const conds = tell();
    const now = String(conds);
    if (now !== told) [predict, told] = [denoiser(policy.network, conds), now];
    return predict(x, t);
  };
  return sampling(look, policy.prediction_type, policy.plans[steps], noise, { fresh });
}

/**
 * What becomes of walkers, each in a scene of its own, from the scene's start.
 * @param {Policy} policy
 * @param {number} steps of denoising
 * @param {Scene[]} scenes
 * @param {number[]} seeds
 * @param {Rules} rules
 */
export function walks(policy, steps, scenes, seeds, rules) {
  const walkers = scenes.map(({ start }, k) => makeWalker(start, seeds[k]));
  const places = new Map(walkers.map((walker, k) => [walker, scenes[k]]));
  const scene = (/** @type {Walker} */ walker) => /** @type {Scene} */ (places.get(walker));
  for (const _ of walk(policy, steps, walkers, scene, rules));
  return walkers;
}

/** Whether something stands where nothing stood in training. @param {Scene} scene @param {Record<string, number[][]>} trained */
export function outside(scene, trained) {
  return Object.entries(trained).some(([name, ranges]) => {
    const values = [/** @type {any} */ (scene)[name]].flat();
    return ranges.some(([low, high], k) => values[k] < low - 1e-9 || values[k] > high + 1e-9);
  });
}
