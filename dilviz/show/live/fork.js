// The fork, live: diffusion policies denoise their way round a tree that the reader drags.
// Pure functions first (the same dynamics as dilviz/envs/fork.py, held to it by recorded rollouts), then the picture.

import { denoiser, draw, floats, makeGenerator, makeNetwork, makePlan, regress, sampling } from "./runtime.js";
import { addButton, addChoice, addHandle, addSlider, addTick, addTransport, calm, clamp, disc, makeFrame, openStage, takePen, trace, write } from "./stage.js";

/** @typedef {import("./stage.js").Point} Point */
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
 */
export function move(scene, position, action, rules) {
  const far = rules.max_step / Math.max(Math.hypot(...action), 1);
  /** @type {Point} */
  const after = [clamp(position[0] + far * action[0], 0, 1), clamp(position[1] + far * action[1], 0, 1)];
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
 * @property {import("./runtime.js").Network} network
 * @property {{observation: Scale, action: Scale}} scales
 * @property {number} obs_horizon
 * @property {number} action_horizon
 * @property {string} prediction_type
 * @property {Record<string, import("./runtime.js").Step[]>} plans by number of steps
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

/** @param {Walker} walker @param {Scene} scene @param {Point} action @param {Rules} rules */
function step(walker, scene, action, rules) {
  const { position, crashed, arrived } = move(scene, walker.places[walker.places.length - 1], action, rules);
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
function rowsOf(walkers, size) {
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

// --- a wave: agents that start together, each with a seed of its own, and what is kept to look at it again --------------

const THINK = 7; // sixtieths of a second that a stage of the first look is shown
const DECIDED = 40; // likewise its last one
const PACE = { thought: 1, step: 3 }; // likewise of later looks, and of a step of the walk
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

// --- the picture ------------------------------------------------------------------------------------------------------

const WIDE = 620; // pixels from which the panel stands beside the scene
const REACH = 0.22; // of the panel: as far to the side as a chunk leads
const SHIFT = Math.SQRT1_2; // where on the tree's edge the handle of its size sits
const WORDS = { crashed: "runs into the tree", late: "does not get there in time", left: "passes left", right: "passes right" };

/** Scene and panel in a canvas of a width. @param {number} width */
function arrange(width) {
  const wide = width >= WIDE;
  const side = wide ? Math.min(0.58 * width, 520) : width;
  const scene = { left: 0, top: 0, width: side, height: side };
  const panel = wide
    ? { left: side + 64, top: 46, width: width - side - 80, height: side - 110 }
    : { left: 54, top: side + 26, width: width - 66, height: 150 };
  return { scene, panel, height: wide ? side : side + 220 };
}

/** @param {{ model: import("./stage.js").Model, el: HTMLElement }} place */
function render({ model, el }) {
  const get = (/** @type {string} */ name) => model.get(name);
  const stage = openStage({ model, el, label: get("label"), height: (width) => arrange(width).height });
  const { roles, rules, moving, trained } = Object.fromEntries(["roles", "rules", "moving", "trained"].map((n) => [n, get(n)]));
  const [diffusion, cloning] = [makePolicy(get("diffusion")), makePolicy(get("cloning"))];
  const scene = () => ({ tree: get("tree"), radius: get("radius"), goal: get("goal"), start: get("start") });

  let [wave, at, left] = [newWave(0), 0, THINK];
  let [waves, held] = [0, 0];
  let total = { arrived: 0, of: 0 };
  /** @type {Walker | null} */
  let clone = null;
  let [dragging, stale, hurrying, told] = [false, false, 0, false];

  /** @param {number} number how many went before it */
  function newWave(number) {
    const seed = get("seed") + number * get("agents");
    return makeWave(diffusion, get("steps"), get("agents"), seed, scene, rules);
  }
  function cloned() {
    return (clone ??= walks(cloning, 0, [scene()], [0], rules)[0]);
  }

  // The clock: moments are computed as they are shown, one pass through the network at a time.
  function next() {
    if (at + 1 >= wave.moments.length && !wave.done) wave.extend();
    if (at + 1 >= wave.moments.length) return false;
    at++;
    describe();
    left += duration(wave.moments[at], get("steps"));
    return true;
  }
  /** @param {number} frames */
  function tick(frames) {
    for (left -= frames; left <= 0 && next(); );
    if (left > 0) return true;
    if (!held) finish();
    left = 0;
    held += frames;
    return held < HOLD;
  }
  function finish() {
    const { left: l, right, failed } = count(wave, wave.moments[at]);
    total = { arrived: total.arrived + l + right, of: total.of + l + right + failed };
    held = 1e-9;
    describe();
    stage.set({ score: { ...count(wave, wave.moments[at]), cloning: cloned().outcome } });
    if (!told) stage.say(stage.words.textContent ?? "");
    told = true;
  }
  function begin() {
    [wave, at, left, held] = [newWave(waves), 0, THINK, 0];
    describe();
    stage.redraw();
  }
  const clock = addTransport(stage, {
    tick,
    rewind() {
      waves++;
      begin();
    },
    length: () => wave.length,
    at: () => at,
    seek: (to) => hurry(to),
    says: () => sayMoment(wave.moments[at], get("steps")),
    loop: true,
  });

  /** Go to a moment without showing those before it, a few milliseconds a frame. @param {number} to */
  function hurry(to) {
    cancelAnimationFrame(hurrying);
    const until = performance.now() + 8;
    while (wave.moments.length <= to && !wave.done && performance.now() < until) wave.extend();
    const there = wave.moments.length > to || wave.done;
    if (there || to === Number.POSITIVE_INFINITY) at = Math.min(to, wave.moments.length - 1);
    if (!there) hurrying = requestAnimationFrame(() => hurry(to));
    else if (to >= wave.moments.length - 1 && wave.done && !held) finish();
    describe();
    [left, hurrying] = [duration(wave.moments[at], get("steps")), there ? 0 : hurrying];
    clock.moved();
    if (there && stale) restart();
  }
  /** The state has changed: begin anew; where the picture stands still, show how it ends. */
  function restart() {
    if (hurrying) {
      stale = true; // when the present one is done
      return;
    }
    [stale, waves, told] = [false, 0, false];
    total = { arrived: 0, of: 0 };
    begin();
    if (!clock.playing) hurry(Number.POSITIVE_INFINITY);
  }
  function changed() {
    clone = null;
    if (!dragging || !clock.playing) return restart();
    wave.moveStart(get("start")); // while it is dragged they go on and steer
    total = { arrived: 0, of: 0 };
    stage.redraw();
  }
  function describe() {
    const { left: l, right, failed } = count(wave, wave.moments[at]);
    const still = get("agents") - l - right - failed;
    const parts = [`Diffusion: ${l} left, ${right} right, ${failed} failed${still ? `, ${still} on the way` : ""}`];
    if (total.of > get("agents")) parts.push(`since the last change ${total.arrived} of ${total.of} arrive`);
    const clone = get("cloning_shown") ? `. Cloning ${WORDS[cloned().outcome || "late"]}` : "";
    const far = moving && outside(scene(), trained) ? ". This is outside of what they were trained on" : "";
    const text = `${parts.join("; ")}${clone}${far}.`;
    if (text !== stage.words.textContent) stage.words.textContent = text;
  }

  addSlider(stage, "seed", { label: "seed", low: 0, high: get("bounds").seed.high });
  addSlider(stage, "steps", { label: "denoising steps", low: 1, high: get("bounds").steps.high });
  addChoice(stage, "agents", "agents", get("bounds").agents.options.map((/** @type {number} */ n) => [n, String(n)]));
  addTick(stage, "cloning_shown", "cloning");
  addButton(stage, "Reset", () => stage.set(first));
  const first = Object.fromEntries(Object.keys(get("bounds")).map((name) => [name, get(name)]));

  const frame = () => makeFrame(arrange(stage.width).scene, [0, 1], [0, 1]);
  const drag = (/** @type {boolean} */ now) => {
    dragging = now;
    if (!now && clock.playing) restart();
  };
  const handle = (/** @type {string} */ name, there = true) =>
    addHandle(stage, {
      name,
      frame,
      drag,
      there: () => there,
      place: () => get(name),
      says: () => `x ${get(name)[0].toFixed(2)}, y ${get(name)[1].toFixed(2)}`,
      move: (to) => stage.set({ [name]: to.map((value) => clamp(value, 0, 1)) }),
    });
  handle("start");
  handle("goal", moving);
  handle("tree", moving);
  addHandle(stage, {
    name: "size of the tree",
    frame,
    drag,
    there: () => moving,
    place: () => [get("tree")[0] + SHIFT * get("radius"), get("tree")[1] - SHIFT * get("radius")],
    says: () => `radius ${get("radius").toFixed(2)}`,
    move: ([x, y]) => {
      const { low, high } = get("bounds").radius;
      const [dx, dy] = [x - get("tree")[0], get("tree")[1] - y];
      stage.set({ radius: clamp(Math.max(dx, dy) / SHIFT, low, high) });
    },
  });

  stage.onDraw((context) => {
    const boxes = arrange(stage.width);
    const moment = wave.moments[at];
    const part = clock.playing && moment.kind === "step" ? clamp(1 - left / PACE.step, 0, 1) : 1;
    const view = { context, stage, roles, frame: frame(), panel: boxes.panel, scene: scene(), wave, moment, part };
    drawScene({ ...view, rules, clone: get("cloning_shown") ? cloned() : null });
    drawThoughts({ ...view, policy: diffusion, steps: get("steps"), rules, at });
  });
  stage.onChange(["start", "goal", "tree", "radius"], changed);
  stage.onChange(["seed", "steps", "agents"], restart);
  stage.onChange(["cloning_shown"], () => {
    describe();
    stage.redraw();
  });
  describe();
  if (calm()) hurry(Number.POSITIVE_INFINITY);
  else clock.play(true);
  return () => {
    cancelAnimationFrame(hurrying);
    stage.close();
  };
}

/** @param {Moment} moment @param {number} steps */
function sayMoment({ look, kind, stage }, steps) {
  return `look ${look + 1}: ${kind === "step" ? "walking" : `${stage} of ${steps} denoising steps done`}`;
}

/** Whether something stands where nothing stood in training. @param {Scene} scene @param {Record<string, number[][]>} trained */
export function outside(scene, trained) {
  return Object.entries(trained).some(([name, ranges]) => {
    const values = [/** @type {any} */ (scene)[name]].flat();
    return ranges.some(([low, high], k) => values[k] < low - 1e-9 || values[k] > high + 1e-9);
  });
}

/** Places of a walker up to a moment; between two steps the last one is on its way. @param {Point[]} places @param {number} reached @param {number} part */
function soFar(places, reached, part) {
  const path = places.slice(0, reached);
  const [to, from] = [path[path.length - 1], path[path.length - 2]];
  if (part < 1 && from) path[path.length - 1] = [from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1])];
  return path;
}

/** @param {CanvasRenderingContext2D} context @param {import("./stage.js").Frame} frame @param {Point[]} path */
function follow(context, frame, path) {
  path.forEach((place, k) => {
    const [x, y] = frame.at(place);
    if (k) context.lineTo(x, y);
    else context.moveTo(x, y);
  });
}

/** @param {CanvasRenderingContext2D} context @param {Point} middle @param {number} size */
function cross(context, [x, y], size) {
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x - size, y + size);
  context.lineTo(x + size, y - size);
}

/** @param {any} view */
function drawScene({ context, stage, roles, frame, scene, wave, moment, part, rules, clone }) {
  disc(context, frame, roles.tree, scene.tree, scene.radius);
  disc(context, frame, roles.expert, scene.goal, rules.goal_radius);
  if (clone) {
    takePen(context, roles.cloning, { width: 3 });
    context.beginPath();
    follow(context, frame, clone.places);
    context.stroke();
    takePen(context, roles.cloning, { dash: "solid", width: 4 });
    context.beginPath();
    const end = frame.at(clone.places[clone.places.length - 1]);
    if (clone.outcome === "crashed" || clone.outcome === "late") cross(context, end, 6);
    else context.arc(...end, 5, 0, 2 * Math.PI);
    context.stroke();
  }
  const active = new Set(moment.active);
  const alone = wave.walkers.length === 1;
  const paths = wave.walkers.map((/** @type {Walker} */ walker, /** @type {number} */ k) =>
    soFar(walker.places, moment.reached[k], active.has(walker) ? part : 1),
  );
  takePen(context, roles.diffusion, { alpha: alone ? 1 : 0.45, width: alone ? 3 : 1.2 });
  context.beginPath();
  for (const path of paths) follow(context, frame, path);
  context.stroke();
  takePen(context, roles.diffusion);
  wave.walkers.forEach((/** @type {Walker} */ { outcome, places }, /** @type {number} */ k) => {
    const ended = moment.reached[k] === places.length && part === 1 && (outcome === "crashed" || outcome === "late");
    const pixel = frame.at(paths[k][paths[k].length - 1]);
    context.beginPath();
    if (ended) cross(context, pixel, 4);
    else context.arc(...pixel, alone ? 6 : 3.5, 0, 2 * Math.PI);
    if (ended) context.stroke();
    else context.fill();
  });
  const [x, y] = frame.at(scene.goal);
  const up = rules.goal_radius * frame.scale + 11;
  write(context, stage, "goal", [x, y - up < 8 ? y + up : y - up]);
  write(context, stage, "tree", frame.at([scene.tree[0], scene.tree[1] + 0.55 * scene.radius]));
  const [sx, sy] = frame.at(scene.start);
  write(context, stage, "start", [sx, sy + 24 > stage.height - 8 ? sy - 24 : sy + 24]);
}

/** The chunks that are being thought: in the scene, and how their ends part in the panel. @param {any} view */
function drawThoughts({ context, stage, roles, frame, panel, scene, wave, moment, policy, steps, rules, at }) {
  const clean = moment.stage === steps;
  const size = policy.network.outputs;
  const fans = moment.active.map((/** @type {Walker} */ walker, /** @type {number} */ row) =>
    places(walker.places[moment.reached[wave.walkers.indexOf(walker)] - 1], actionsOf(policy, moment.chunks, row, size), rules),
  );
  if (moment.kind === "thought") {
    takePen(context, clean ? roles.diffusion : roles.noise, { alpha: fans.length > 1 ? 0.55 : 1, dash: "solid", width: fans.length > 1 ? 1.2 : 3 });
    context.beginPath();
    for (const fan of fans) follow(context, frame, fan);
    context.stroke();
  }
  drawPanel({ context, stage, roles, panel, scene, wave, moment, policy, steps, rules, at });
}

/** Where actions lead, as if nothing stood in the way. @param {Point} from @param {Point[]} actions @param {Rules} rules */
function places(from, actions, rules) {
  const path = [from];
  for (const action of actions) {
    const far = rules.max_step / Math.max(Math.hypot(...action), 1);
    const [x, y] = path[path.length - 1];
    path.push([x + far * action[0], y + far * action[1]]);
  }
  return path;
}

/** @param {any} view */
function drawPanel({ context, stage, roles, panel, scene, wave, moment, policy, steps, rules, at }) {
  const frame = makeFrame(panel, [0, 1], [-REACH, REACH], false);
  const [ax, ay] = [scene.goal[0] - scene.start[0], scene.goal[1] - scene.start[1]];
  const long = Math.hypot(ax, ay) || 1;
  const sideways = (/** @type {Moment} */ { chunks, active }, /** @type {number} */ row) => {
    const from = active[row].places[0];
    const [x, y] = places(from, actionsOf(policy, chunks, row, policy.network.outputs), rules).pop() ?? from;
    return ((x - from[0]) * ay - (y - from[1]) * ax) / long;
  };
  // The stages of this look, oldest first.
  let from = at;
  while (from > 0 && !(wave.moments[from].kind === "thought" && wave.moments[from].stage === 0)) from--;
  const stages = wave.moments.slice(from, from + moment.stage + 1);
  const active = stages[0].active;
  const rows = active.map((/** @type {Walker} */ _, /** @type {number} */ row) =>
    stages.map((/** @type {Moment} */ one, /** @type {number} */ k) => frame.at([1 - k / steps, clamp(sideways(one, row), -REACH, REACH)])),
  );
  takePen(context, roles.expert, { alpha: 0.5, width: 1, dash: "solid" });
  context.strokeRect(panel.left, panel.top, panel.width, panel.height);
  context.beginPath();
  trace(context, frame, [0, 0, 1, 0]);
  context.stroke();
  takePen(context, roles.noise, { alpha: 0.5, width: 1.2, dash: "solid" });
  context.beginPath();
  for (const row of rows) row.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
  takePen(context, moment.stage === steps ? roles.diffusion : roles.noise);
  for (const row of rows) {
    context.beginPath();
    context.arc(...row[row.length - 1], 3, 0, 2 * Math.PI);
    context.fill();
  }
  const { left, top, width, height } = panel;
  for (const [text, value] of [["right", 0.15], ["ahead", 0], ["left", -0.15]]) {
    write(context, stage, text, [left - 8, frame.at([0, value])[1]], { align: "right" });
  }
  write(context, stage, "where each chunk leads", [left + width / 2, top - 14], { bold: true });
  write(context, stage, "clean", [left, top + height + 14], { align: "left" });
  write(context, stage, "← noise comes off", [left + width / 2, top + height + 14]);
  write(context, stage, "noise", [left + width, top + height + 14], { align: "right" });
}

export default { render };
