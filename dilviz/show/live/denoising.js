// Denoising, live: particles flow from noise to data over the exact score field of a mixture that is known.

import { drawData, makeFlow, makeNoise, measure, placesAt, planOf, shifted } from "./denoising_flow.js";
import { drawFlow } from "./denoising_picture.js";
import { addTransport, calm } from "./clock.js";
import { addButton, addChoice, addHandle, addSlider } from "./controls.js";
import { write } from "./ink.js";
import { kept } from "./numbers.js";
import { makeFrame, openStage } from "./stage.js";

/** @typedef {import("./samplers.js").Step} Step */
/** @typedef {import("./denoising_flow.js").Figures} Figures */

const FILM = 240; // sixtieths of a second from noise to data
const HOLD = 100; // likewise at the end
const AHEAD_MS = 10; // of a frame, for steps that are worked out without being shown
const WIDE = 560; // pixels from which two flows stand side by side
const LARGEST = 560; // pixels of a side, if there is one flow
const [GAP, TITLE] = [16, 24];
const TRUE = 1000; // draws of true data, to which particles are held
/** @type {Record<string, string>} */
const TITLES = { ddpm: "DDPM", ddim: "DDIM", dpm_solver: "DPM-Solver++", yours: "yours" };

/** Where flows stand in a canvas of a width. @param {number} width @param {number} count */
function arrangeFlows(width, count) {
  const beside = count > 1 && width >= WIDE;
  const side = beside ? (width - GAP) / 2 : count > 1 ? width : Math.min(width, LARGEST);
  const high = count > 1 && !beside ? 0.8 * side : side;
  const boxes = Array.from({ length: count }, (_, k) => ({
    left: beside ? k * (side + GAP) : (width - side) / 2,
    top: TITLE + (beside ? 0 : k * (high + TITLE)),
    width: side,
    height: high,
  }));
  return { boxes, height: boxes[count - 1].top + high };
}

/** @param {View} view */
function render({ model, el }) {
  const get = (/** @type {string} */ name) => model.get(name);
  const samplers = () => [get("sampler"), get("compare")].filter((name) => name !== "none");
  const stage = openStage({ model, el, label: get("label"), height: (width) => arrangeFlows(width, samplers().length).height });
  const { roles, bounds, reach, room, mixtures } = Object.fromEntries(["roles", "bounds", "reach", "room", "mixtures"].map((n) => [n, get(n)]));
  const home = () => mixtures[get("mixture")].means[0];
  const shift = () => /** @type {Point} */ (kept(home(), get("shift"), room));
  stage.set({ shift: shift() }); // an address may say more
  const first = Object.fromEntries(Object.keys(bounds).map((name) => [name, get(name)]));

  let now = newScene();
  let next = now; // what is being worked out, if it is another
  let [film, held, waiting, stale, told] = [0, 0, 0, false, false];

  function newScene() {
    const mixture = shifted(mixtures[get("mixture")], shift());
    const flows = samplers().map((sampler) => {
      const plan = planOf(get("plans"), sampler, get("steps"), get("spacing"), get("eta"));
      return makeFlow(mixture, plan, makeNoise(get("per_seed") * get("seed"), get("particles")));
    });
    return { mixture, flows, names: samplers(), truth: measure(drawData(mixture, TRUE), mixture) };
  }
  /** How many steps are done. */
  const at = () => (film / FILM) * now.flows[0].plan.length;
  const reached = (/** @type {typeof now} */ { flows }) => {
    const wanted = Math.ceil((film / FILM) * flows[0].plan.length);
    return flows.every(({ xs }) => xs.length > wanted);
  };
  const extend = (/** @type {typeof now} */ { flows }) => {
    const least = Math.min(...flows.map(({ xs }) => xs.length));
    flows.find(({ xs }) => xs.length === least)?.extend();
  };

  /** Work out what is to be shown, a few milliseconds a frame; until then what is there stays. */
  function catchUp() {
    const until = performance.now() + AHEAD_MS;
    while (!reached(next) && performance.now() < until) extend(next);
    waiting = reached(next) ? 0 : requestAnimationFrame(catchUp);
    if (waiting) return;
    now = next;
    if (film === FILM) finish();
    describe();
    clock.moved();
    if (stale) restart();
  }
  /** The state has changed: the same moment of another flow. */
  function restart() {
    stale = Boolean(waiting); // when the present one is done
    if (stale) return;
    told = false;
    next = newScene();
    catchUp();
  }
  /** @param {number} frames */
  function tick(frames) {
    if (waiting) return true;
    if (held === Number.POSITIVE_INFINITY) seek(0);
    if (film === FILM) {
      held += frames;
      return held < HOLD;
    }
    film = Math.min(film + frames, FILM);
    while (!reached(now)) extend(now);
    if (film === FILM) finish();
    describe();
    return true;
  }
  /** @param {number} to */
  function seek(to) {
    [film, held] = [to, to === FILM ? Number.POSITIVE_INFINITY : 0]; // who plays from there begins anew at once
    if (!waiting) catchUp();
  }
  function finish() {
    const ends = now.flows.map(({ xs }) => measure(xs[xs.length - 1], now.mixture));
    const plain = ends.map(({ on, spread }) => ({ on_data: on, spread: on ? spread / now.truth.spread : 0 }));
    stage.set({ result: Object.fromEntries(now.names.map((name, k) => [name, plain[k]])) });
    describe();
    if (!told) stage.say(stage.words.textContent ?? "");
    told = true;
  }
  function describe() {
    const [steps, done] = [now.flows[0].plan.length, Math.floor(at())];
    const figures = now.flows.map(({ xs }) => measure(placesAt(xs, done), now.mixture));
    const truth = { ...now.truth, on: Math.round((get("particles") * now.truth.on) / TRUE) };
    const names = [...now.names.map((name) => TITLES[name]), "true data"];
    const parts = [...figures, truth].map((figure, k) => sayFigures(names[k], figure, truth.spread, done === steps));
    const text = `${sayTime(now.flows[0].plan, at())} On the data (within 3 std of a mean), of ${get("particles")}: ${parts.join("; ")}.`;
    if (text !== stage.words.textContent) stage.words.textContent = text;
  }

  const choose = (/** @type {string} */ name, /** @type {string} */ label, /** @type {Record<string, string>} */ words = {}) =>
    addChoice(stage, name, label, bounds[name].options.map((/** @type {any} */ value) => [value, words[value] ?? String(value)]));
  const data = choose("mixture", "data");
  choose("sampler", "sampler", TITLES);
  choose("compare", "compare with", TITLES);
  choose("steps", "steps");
  choose("spacing", "spacing");
  const eta = choose("eta", "eta");
  addSlider(stage, "seed", { label: "seed", low: 0, high: bounds.seed.high });
  choose("particles", "particles");
  addButton(stage, "Reset", () => stage.set(first));
  const clock = addTransport(stage, {
    tick,
    rewind: () => seek(0),
    length: () => FILM + 1,
    at: () => film,
    seek,
    says: () => sayTime(now.flows[0].plan, at()),
    loop: true,
  });

  const frames = () => {
    const range = /** @type {Point} */ ([-reach, reach]);
    return arrangeFlows(stage.width, samplers().length).boxes.map((box) => makeFrame(box, range, range));
  };
  const heap = () => /** @type {Point} */ (home().map((/** @type {number} */ value, /** @type {number} */ k) => value + shift()[k]));
  addHandle(stage, {
    name: "a heap of the data",
    step: 0.05,
    frame: () => frames()[0],
    place: heap,
    says: () => `x ${heap()[0].toFixed(2)}, y ${heap()[1].toFixed(2)}`,
    move: (to) => stage.set({ shift: kept(home(), to.map((value, k) => value - home()[k]), room) }),
  });
  stage.listen(data, "change", () => stage.set({ shift: [0, 0] }));
  stage.onDraw((context) => {
    stage.words.style.minHeight = stage.width < WIDE ? "7em" : "2.8em"; // what stands below shall not jump
    frames().forEach((frame, k) => {
      if (!now.flows[k]) return;
      drawFlow({ context, stage, roles, frame, mixture: now.mixture, flow: now.flows[k], at: at() });
      write(context, stage, TITLES[now.names[k]], [frame.box.left + 2, frame.box.top - 12], { align: "left", bold: true });
    });
    const [x, y] = frames()[0].at(heap());
    write(context, stage, "drag", [x, y + 22]);
  });
  const enable = () => {
    eta.disabled = !samplers().includes("ddim");
  };
  stage.onChange(["sampler", "compare"], enable);
  stage.onChange(["compare"], stage.resize);
  stage.onChange(Object.keys(bounds), restart);
  enable();
  describe();
  if (calm()) seek(FILM);
  else clock.play(true);
  return () => {
    cancelAnimationFrame(waiting);
    stage.close();
  };
}

/** @param {Step[]} plan @param {number} at */
function sayTime(plan, at) {
  const step = plan[Math.floor(at)];
  return step ? `t = ${step.t}, ᾱ = ${(step.signal ** 2).toFixed(3)}.` : "Clean, ᾱ = 1.";
}

/**
 * What there is to say of particles; when they are clean, how they lie, too.
 * @param {string} name
 * @param {Figures} figures
 * @param {number} unit the data's own spread
 * @param {boolean} clean
 */
function sayFigures(name, { on, spread, shares }, unit, clean) {
  if (!clean || !on) return `${name} ${on}`;
  const heaps = shares.length <= 3 ? `, heaps ${shares.map((share) => Math.round(100 * share)).join(" + ")} %` : "";
  return `${name} ${on}, spread ${(spread / unit).toFixed(2)}${heaps}`;
}

export default { render };
