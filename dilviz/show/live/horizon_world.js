// Receding horizon without a picture: look, decide, do a part of the plan, look again. Held to Python's `rollout`.

import { actionsOf, condition, makeWalker, rowsOf, step } from "./fork_world.js";
import { denoiser } from "./network.js";
import { clamp, draw, makeGenerator, uniforms } from "./numbers.js";
import { sample } from "./samplers.js";

/** @import { Policy, Rules, Scene, Walker } from "./fork_world.js" */

const [GUSTS, STARTS] = [2 ** 32, 2 ** 33]; // seeds of wind and starts: no agent's noise has one of these

/**
 * How an agent acts, and in what weather.
 * @typedef {object} Setting
 * @property {number} steps of denoising
 * @property {number} acted the action horizon
 * @property {number} delay steps that pass while it decides
 * @property {number} wind how far a step is blown off, in x and in y: a standard deviation
 */

/**
 * @typedef {Walker & { gusts: ReturnType<typeof makeGenerator>, plan: Point[], looked: number, actions: Point[], pushed: number[] }} Agent
 * plan: actions from its last look on; looked: index of the place where that was; pushed: indices of places where it was put
 */

/** Where an agent starts: in the square around the scene's start in which episodes do. @param {Scene} scene @param {Rules & { spread: number }} rules @param {number} seed @returns {Point} */
export function startOf({ start: [x, y] }, { spread }, seed) {
  const [u, v] = uniforms(STARTS + seed, 2);
  return [x + spread * (2 * u - 1), y + spread * (2 * v - 1)];
}

/** @param {Scene} scene @param {Rules & { spread: number }} rules @param {number} seed @returns {Agent} */
const makeAgent = (scene, rules, seed) => ({
  ...makeWalker(startOf(scene, rules, seed), seed),
  gusts: makeGenerator(GUSTS + seed),
  plan: [],
  looked: 0,
  actions: [],
  pushed: [],
});

/**
 * Agents that start together and keep step.
 * @param {Policy} policy
 * @param {Scene} scene
 * @param {Rules & { spread: number }} rules spread: how far from the scene's start an agent may begin, in x and in y
 * @param {Setting} setting
 * @param {number[]} seeds
 */
export function makeCrew(policy, scene, rules, { steps, acted, delay, wind }, seeds) {
  const agents = seeds.map((seed) => makeAgent(scene, rules, seed));
  const size = policy.network.outputs;
  let [passed, looks, next, seen] = [0, 0, 0, 0]; // steps; looks; index in the plan of the next action; looks before the last push
  const active = () => agents.filter(({ outcome }) => !outcome);

  function look() {
    const late = Math.min(passed, delay);
    const rows = active();
    const conds = rows.map(({ places }) => condition(policy, scene, places.slice(0, places.length - late)));
    const fresh = () => rowsOf(rows, size);
    const chunks = sample(denoiser(policy.network, conds), policy.prediction_type, policy.plans[steps], fresh(), { fresh });
    rows.forEach((agent, row) => {
      agent.plan = actionsOf(policy, chunks, row, size);
      agent.looked = agent.places.length - 1 - late;
    });
    next = late;
    looks += 1;
  }
  return {
    agents,
    active,
    get looks() {
      return looks;
    },
    /** Index in the plan of the action that was done last; -1 before the first. */
    get at() {
      return passed ? next - 1 : -1;
    },
    /** Whether there was a push and nobody has looked since. */
    get unaware() {
      return agents.some(({ pushed }) => pushed.length) && looks === seen;
    },
    /** Steps that are still done without a new look. */
    get blind() {
      return passed ? (acted - (passed % acted)) % acted : 0;
    },
    /** One step of all who are still on the way; where the plan is used up, they look first. */
    step() {
      if (passed % acted === 0) look();
      for (const agent of active()) {
        const action = agent.plan[next];
        const [x, y] = wind ? draw(agent.gusts, 2) : [0, 0];
        agent.actions.push(action);
        step(agent, scene, action, rules, [wind * x, wind * y]);
      }
      passed += 1;
      next += 1;
    },
    /** Put all who are on the way elsewhere. @param {(place: Point) => Point} to from where to where */
    push(to) {
      seen = looks;
      for (const agent of active()) {
        const last = agent.places.length - 1;
        const [x, y] = to(agent.places[last]);
        agent.places[last] = [clamp(x, 0, 1), clamp(y, 0, 1)];
        if (agent.pushed[agent.pushed.length - 1] !== last) agent.pushed.push(last);
      }
    },
    /** Whoever stands in the tree has crashed. */
    settle() {
      for (const agent of active()) {
        const [x, y] = agent.places[agent.places.length - 1];
        if (Math.hypot(x - scene.tree[0], y - scene.tree[1]) < scene.radius) agent.outcome = "crashed";
      }
    },
  };
}
/** @typedef {ReturnType<typeof makeCrew>} Crew */

/** All of a crew walk to their ends. @param {Crew} crew @returns {Crew} */
export function walkOut(crew) {
  while (crew.active().length) crew.step();
  return crew;
}

/**
 * What became of agents: how many arrived of how many, and by how many degrees the direction turns from one action to the next.
 * @param {Agent[]} agents
 */
export function countAgents(agents) {
  const of = (/** @type {string} */ way) => agents.filter(({ outcome }) => outcome === way).length;
  const turns = agents.flatMap(({ actions }) => actions.slice(1).map((action, k) => angle(actions[k], action)));
  const [left, right] = [of("left"), of("right")];
  return {
    left,
    right,
    failed: of("crashed") + of("late"),
    arrived: left + right,
    of: agents.length,
    turn: turns.length ? turns.reduce((sum, one) => sum + one, 0) / turns.length : 0,
  };
}
/** @typedef {ReturnType<typeof countAgents>} Count */

/** Between two directions, in degrees. @param {Point} a @param {Point} b */
function angle(a, b) {
  return (Math.abs(Math.atan2(a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1])) * 180) / Math.PI;
}
