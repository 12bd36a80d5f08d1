// The fork, live: agents start together, think and walk; the reader drags the tree.

import { makePolicy, makeWalker, outside, walk, walks } from "./fork_world.js";
import { drawScene, drawThoughts } from "./fork_picture.js";
import { addTransport, calm } from "./clock.js";
import { addButton, addChoice, addHandle, addSlider, addTick } from "./controls.js";
import { clamp } from "./numbers.js";
import { makeFrame, openStage } from "./stage.js";

/** @import { Walker, Rules, Scene, Policy } from "./fork_world.js" */

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
const SHIFT = Math.SQRT1_2; // where on the tree's edge the handle of its size sits
const WORDS = { crashed: "runs into the tree", late: "does not get there in time", left: "passes left", right: "passes right" };

/** Scene and panel in a canvas of a width. @param {number} width */
function arrange(width) {
  const wide = width >= WIDE;
  const side = wide ? Math.min(0.58 * width, 520) : width;
  const scene = { left: 0, top: 0, width: side, height: side };
  const panel = wide
    ? { left: side + 64, top: 46, width: width - side - 80, height: side - 110 }
    : { left: 54, top: side + 36, width: width - 66, height: 150 };
  return { scene, panel, height: wide ? side : side + 216 };
}

/** @param {View} view */
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
    clone ??= walks(cloning, 0, [scene()], [0], rules)[0];
    return clone;
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
  let hint = moving; // until something is dragged
  const drag = (/** @type {boolean} */ now) => {
    [dragging, hint] = [now, false];
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
      stage.set({ radius: clamp((dx + dy) * SHIFT, low, high) }); // each arrow moves it, either way
    },
  });

  stage.onDraw((context) => {
    const boxes = arrange(stage.width);
    const moment = wave.moments[at];
    const part = clock.playing && moment.kind === "step" ? clamp(1 - left / PACE.step, 0, 1) : 1;
    const view = { context, stage, roles, frame: frame(), panel: boxes.panel, scene: scene(), wave, moment, part };
    drawScene({ ...view, rules, hint, clone: get("cloning_shown") ? cloned() : null });
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

export default { render };
