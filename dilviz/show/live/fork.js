// The fork, live: agents start together, think and walk; the reader drags the tree.

import { makePolicy } from "./fork_world.js";
import { openShow, sayMoment, sayShow } from "./fork_waves.js";
import { drawScene, drawThoughts } from "./fork_picture.js";
import { addTransport, calm } from "./clock.js";
import { addButton, addChoice, addHandle, addSlider, addTick } from "./controls.js";
import { clamp } from "./numbers.js";
import { makeFrame, openStage } from "./stage.js";

/** @import { Stage } from "./stage.js" */

const WIDE = 520; // pixels from which the panel stands beside the scene
const SHIFT = Math.SQRT1_2; // where on the tree's edge the handle of its size sits
/** @type {Point} */
const SEEN = [-0.04, 1.04]; // of the square, in x and in y: a handle on its edge is seen whole
const HURRY_MS = 8; // of a frame, for what is computed without being shown
const PLACES = ["start", "goal", "tree", "radius"];

/** Scene and panel in a canvas of a width. @param {number} width */
function arrange(width) {
  const wide = width >= WIDE;
  const side = wide ? Math.min(0.58 * width, 520) : width;
  const scene = { left: 0, top: 0, width: side, height: side };
  const panel = wide
    ? { left: side + 58, top: 46, width: width - side - 70, height: side - 90 }
    : { left: 54, top: side + 36, width: width - 66, height: 150 };
  return { scene, panel, height: wide ? side : side + 216 };
}

/** Native controls for all that is not dragged. @param {Stage} stage */
function addControls(stage) {
  const bounds = stage.model.get("bounds");
  const first = Object.fromEntries(Object.keys(bounds).map((name) => [name, stage.model.get(name)]));
  addSlider(stage, "seed", { label: "seed", low: 0, high: bounds.seed.high });
  addSlider(stage, "steps", { label: "denoising steps", low: 1, high: bounds.steps.high });
  addChoice(stage, "agents", "agents", bounds.agents.options.map((/** @type {number} */ n) => [n, String(n)]));
  addTick(stage, "cloning_shown", "cloning");
  addButton(stage, "Reset", () => stage.set(first));
}

/** What is dragged. @param {Stage} stage @param {(dragging: boolean) => void} drag told at both ends of a drag */
function addHandles(stage, drag) {
  const get = (/** @type {string} */ name) => stage.model.get(name);
  const moving = get("moving");
  const frame = () => makeFrame(arrange(stage.width).scene, SEEN, SEEN);
  for (const name of moving ? ["start", "goal", "tree"] : ["start"]) {
    addHandle(stage, {
      name,
      frame,
      drag,
      place: () => get(name),
      says: () => `x ${get(name)[0].toFixed(2)}, y ${get(name)[1].toFixed(2)}`,
      move: (to) => stage.set({ [name]: to.map((value) => clamp(value, 0, 1)) }),
    });
  }
  if (!moving) return;
  addHandle(stage, {
    name: "size of the tree",
    frame,
    drag,
    place: () => [get("tree")[0] + SHIFT * get("radius"), get("tree")[1] - SHIFT * get("radius")],
    says: () => `radius ${get("radius").toFixed(2)}`,
    move: ([x, y]) => {
      const { low, high } = get("bounds").radius;
      const [dx, dy] = [x - get("tree")[0], get("tree")[1] - y];
      stage.set({ radius: clamp((dx + dy) * SHIFT, low, high) }); // each arrow moves it, either way
    },
  });
}

/** @param {View} view */
function render({ model, el }) {
  const get = (/** @type {string} */ name) => model.get(name);
  const stage = openStage({ model, el, label: get("label"), height: (width) => arrange(width).height });
  const show = openShow(get, makePolicy(get("diffusion")), makePolicy(get("cloning")));
  let hint = get("moving"); // until something is dragged
  let [dragging, hurrying, stale, told] = [false, 0, false, false];

  function describe() {
    const text = sayShow(show, get);
    if (text !== stage.words.textContent) stage.words.textContent = text;
    if (show.ended && !told) stage.say(text); // of many waves in a row the first alone is said aloud
    told ||= show.ended;
    stage.redraw();
  }
  /** @param {number} frames */
  function tick(frames) {
    const before = show.ended;
    const more = show.advance(frames);
    if (show.ended && !before) stage.set({ score: show.score });
    describe();
    return more;
  }
  function rewind() {
    show.begin(false);
    describe();
  }
  const says = () => sayMoment(show.moment, get("steps"));
  const clock = addTransport(stage, { tick, rewind, length: () => show.wave.length, at: () => show.at, seek: hurry, says, loop: true });

  /** Go to a moment without showing those before it, a few milliseconds a frame. @param {number} to */
  function hurry(to) {
    cancelAnimationFrame(hurrying);
    const until = performance.now() + HURRY_MS;
    const there = show.skip(to, () => performance.now() < until);
    hurrying = there ? 0 : requestAnimationFrame(() => hurry(to));
    if (show.ended) stage.set({ score: show.score });
    describe();
    clock.moved();
    if (there && stale) restart();
  }
  /** The state has changed: begin anew; where the picture stands still, show how it ends. */
  function restart() {
    stale = hurrying > 0; // then it is for when the present wave is done
    if (stale) return;
    told = false;
    show.begin(true);
    describe();
    if (!clock.playing) hurry(Number.POSITIVE_INFINITY);
  }
  function moved() {
    show.moved();
    if (dragging && clock.playing) stage.redraw();
    else restart();
  }

  addControls(stage);
  addHandles(stage, (now) => {
    [dragging, hint] = [now, false];
    if (!now && clock.playing) restart();
  });
  stage.onDraw((context) => {
    const { scene, panel } = arrange(stage.width);
    const view = { context, stage, show, roles: get("roles"), frame: makeFrame(scene, SEEN, SEEN), panel };
    drawScene({ ...view, part: clock.playing ? show.part : 1, hint, clone: get("cloning_shown") ? show.clone : null, dragging });
    drawThoughts({ ...view, steps: get("steps") });
  });
  stage.onChange(PLACES, moved);
  stage.onChange(["seed", "steps", "agents"], restart);
  stage.onChange(["cloning_shown"], describe);
  stage.onClose(() => cancelAnimationFrame(hurrying));
  describe();
  if (calm()) hurry(Number.POSITIVE_INFINITY);
  else clock.play(true);
  return stage.close;
}

export default { render };
