// Waves of agents, one after the other: what is shown, when, and what they have come to. No page and no clock of its own.

import { makeWalker, outside, walk, walks } from "./fork_world.js";

/** @import { Walker, Rules, Scene, Policy } from "./fork_world.js" */

const THINK = 7; // sixtieths of a second that a stage of the first look is shown
const DECIDED = 40; // likewise its last one
export const PACE = { thought: 1, step: 3 }; // likewise of later looks, and of a step of the walk
const HOLD = 100; // at the end

/**
 * What a wave was like at a moment.
 * @typedef {object} Moment
 * @property {"thought" | "step"} kind
 * @property {number} look
 * @property {number} stage of denoising
 * @property {Walker[]} active
 * @property {Float32Array} chunks of the active ones
 * @property {number[]} reached how many places each walker had been at
 */

/**
 * @param {Policy} policy
 * @param {number} steps
 * @param {number} count of agents
 * @param {number} seed of the first
 * @param {() => Scene} scene as it is when asked
 * @param {Rules} rules
 */
function makeWave(policy, steps, count, seed, scene, rules) {
  const walkers = Array.from({ length: count }, (_, k) => makeWalker(scene().start, seed + k));
  const events = walk(policy, steps, walkers, scene, rules);
  /** @type {Moment[]} */
  const moments = [];
  const wave = {
    walkers,
    moments,
    done: false,
    /** One pass or one step more. */
    extend() {
      const next = events.next();
      wave.done = Boolean(next.done);
      if (next.value) {
        moments.push({ .../** @type {any} */ (next.value), reached: walkers.map(({ places }) => places.length) });
      }
    },
    /** Moments that there are, or will be about. */
    get length() {
      return wave.done ? moments.length : Math.max(moments.length + 1, 9 * (steps + 1 + policy.action_horizon));
    },
    /** Who has not yet left begins elsewhere. @param {Point} start */
    moveStart(start) {
      for (const walker of walkers) if (walker.places.length === 1) walker.places[0] = start;
    },
  };
  wave.extend();
  return wave;
}
/** @typedef {ReturnType<typeof makeWave>} Wave */

/** How long a moment is shown, in sixtieths of a second. @param {Moment} moment @param {number} steps */
function duration({ kind, look, stage }, steps) {
  if (kind === "step" || look) return PACE[kind];
  return stage === steps ? DECIDED : THINK;
}

/** How the walks have ended that have ended by a moment. @param {Wave} wave @param {Moment} moment */
function count({ walkers }, { reached }) {
  const ended = walkers.filter(({ places }, k) => places.length === reached[k]).map(({ outcome }) => outcome);
  const of = (/** @type {string[]} */ ...ways) => ended.filter((outcome) => ways.includes(outcome)).length;
  return { left: of("left"), right: of("right"), failed: of("crashed", "late") };
}

/**
 * What stands on the stage: the present wave, the moment of it that is shown, and the score since the last change.
 * Moments are computed as they are shown, one pass through the network at a time.
 * @param {(name: string) => any} get the state, and what else Python tells
 * @param {Policy} diffusion
 * @param {Policy} cloning
 */
export function openShow(get, diffusion, cloning) {
  const rules = get("rules");
  const scene = () => ({ tree: get("tree"), radius: get("radius"), goal: get("goal"), start: get("start") });
  let number = 0; // of waves before this one
  let held = 0; // for how long its end has been shown
  /** @type {Walker | null} */
  let clone = null;

  const show = {
    policy: diffusion,
    rules,
    scene,
    wave: newWave(),
    at: 0,
    left: THINK, // of the time that the moment is shown
    total: { arrived: 0, of: 0 },
    get moment() {
      return show.wave.moments[show.at];
    },
    /** The cloned policy's walk: it draws nothing, so there is one. */
    get clone() {
      clone ??= walks(cloning, 0, [scene()], [0], rules)[0];
      return clone;
    },
    /** How far the agents are on their way through a step. */
    get part() {
      return show.moment.kind === "step" ? Math.min(Math.max(1 - show.left / PACE.step, 0), 1) : 1;
    },
    get ended() {
      return held > 0;
    },
    /** @param {boolean} anew the first wave again, or the next one */
    begin(anew) {
      number = anew ? 0 : number + 1;
      if (anew) show.total = { arrived: 0, of: 0 };
      [show.wave, show.at, show.left, held] = [newWave(), 0, THINK, 0];
    },
    /** Things have been moved: agents go on, and steer. */
    moved() {
      clone = null;
      show.wave.moveStart(get("start"));
      show.total = { arrived: 0, of: 0 };
    },
    /** Go on by so many sixtieths of a second. @param {number} frames @returns {boolean} whether there is more to show */
    advance(frames) {
      for (show.left -= frames; show.left <= 0 && next(); );
      if (show.left > 0) return true;
      finish();
      show.left = 0;
      held += frames;
      return held < HOLD;
    },
    /** Compute up to a moment and go there. @param {number} to @param {() => boolean} more whether there is time @returns {boolean} whether it is there */
    skip(to, more) {
      const { wave } = show;
      while (wave.moments.length <= to && !wave.done && more()) wave.extend();
      const there = wave.moments.length > to || wave.done;
      if (!there && to !== Number.POSITIVE_INFINITY) return false;
      show.at = Math.min(to, wave.moments.length - 1);
      show.left = duration(show.moment, get("steps"));
      if (wave.done && show.at === wave.moments.length - 1) finish();
      return there;
    },
    get score() {
      return { ...count(show.wave, show.moment), cloning: show.clone.outcome };
    },
  };

  function newWave() {
    return makeWave(diffusion, get("steps"), get("agents"), get("seed") + number * get("agents"), scene, rules);
  }
  function next() {
    const { wave } = show;
    if (show.at + 1 >= wave.moments.length && !wave.done) wave.extend();
    if (show.at + 1 >= wave.moments.length) return false;
    show.at++;
    show.left += duration(show.moment, get("steps"));
    return true;
  }
  function finish() {
    if (held) return;
    held = Number.MIN_VALUE;
    const { left, right, failed } = count(show.wave, show.moment);
    show.total = { arrived: show.total.arrived + left + right, of: show.total.of + left + right + failed };
  }
  return show;
}
/** @typedef {ReturnType<typeof openShow>} Show */

const WAYS = { crashed: "runs into the tree", late: "does not get there in time", left: "passes left", right: "passes right" };

/** What has become of all, in a sentence. @param {Show} show @param {(name: string) => any} get */
export function sayShow(show, get) {
  const { left, right, failed } = count(show.wave, show.moment);
  const still = show.wave.walkers.length - left - right - failed;
  const parts = [`Diffusion: ${left} left, ${right} right, ${failed} failed${still ? `, ${still} on the way` : ""}`];
  const { arrived, of } = show.total;
  if (of > show.wave.walkers.length) parts.push(`since the last change ${arrived} of ${of} arrive`);
  const clone = get("cloning_shown") ? `. Cloning ${WAYS[show.clone.outcome || "late"]}` : "";
  const far = get("moving") && outside(show.scene(), get("trained")) ? ". This is outside of what they were trained on" : "";
  return `${parts.join("; ")}${clone}${far}.`;
}

/** @param {Moment} moment @param {number} steps */
export function sayMoment({ look, kind, stage }, steps) {
  return `look ${look + 1}: ${kind === "step" ? "walking" : `${stage} of ${steps} denoising steps done`}`;
}
