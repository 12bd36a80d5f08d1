// Forward noising, live: data dissolves under a slider, and its noised image follows when it is dragged.

import { addNoise, drag, homesOf, levelAt, makeSet, pairOf, placesOf, sayNoising } from "./noising_data.js";
import { arrange, drawLevels, drawScene } from "./noising_picture.js";
import { addTransport } from "./clock.js";
import { addButton, addChoice, addHandle, addSlider, addTick } from "./controls.js";
import { clamp, floats, kept, normals } from "./numbers.js";
import { makeFrame, openStage } from "./stage.js";

const FILM = 300; // sixtieths of a second that play takes from clean to the last step

/** @param {View} view */
function render({ model, el }) {
  const get = (/** @type {string} */ name) => model.get(name);
  const stage = openStage({ model, el, label: get("label"), height: (width) => arrange(width).height });
  const { bounds, roles, scene, reach, room, sets, tables } = Object.fromEntries(
    ["bounds", "roles", "scene", "reach", "room", "sets", "tables"].map((name) => [name, get(name)]),
  );
  const own = !bounds.schedule; // the reader's schedule, the only one there is

  function look() {
    const set = makeSet(sets[get("data")]);
    const text = own ? 0 : tables.index[`${get("schedule")} ${get("T")} ${get("fit")}`];
    const shift = kept(homesOf(set), get("shift"), room);
    const x0 = drag(set, shift);
    return { set, shift, table: floats(tables.texts[text]), x0, noise: normals(get("seed"), 0, x0.length) };
  }
  let now = look();
  stage.set({ shift: now.shift }); // an address may say more
  const last = () => now.table.length - 1;
  const t = () => Math.min(get("t"), last());
  let at = t(); // between two times while it plays

  function describe() {
    stage.words.textContent = sayNoising(now.table, t(), get("not_noise"));
  }
  function changed() {
    now = look();
    if (Math.round(at) !== t()) at = t();
    describe();
    clock.moved();
  }
  /** @param {number} to */
  function goTo(to) {
    at = clamp(to, -1, last());
    if (Math.round(at) !== t()) stage.set({ t: Math.round(at) });
  }
  const clock = addTransport(stage, {
    label: "t",
    tick(frames) {
      goTo(at + (frames * (last() + 1)) / FILM);
      return at < last();
    },
    rewind: () => goTo(-1),
    length: () => last() + 2,
    at: () => t() + 1,
    seek: (to) => goTo(to - 1),
    says: () => `t = ${t()}${t() < 0 ? ", clean" : ""}`,
    heard() {
      if (!clock.playing) at = t();
      else if (at >= last()) goTo(-1);
    },
  });

  const first = Object.fromEntries(Object.keys(bounds).map((name) => [name, get(name)]));
  const unmoved = { shift: first.shift.map(() => 0) };
  const choose = (/** @type {string} */ name, label = name, options = bounds[name].options) =>
    addChoice(stage, name, label, options.map((/** @type {any} */ value) => [value, String(value)]));
  stage.listen(choose("data", "data", Object.keys(sets)), "change", () => stage.set(unmoved));
  addSlider(stage, "seed", { label: "seed", low: bounds.seed.low, high: bounds.seed.high });
  if (!own) {
    choose("schedule");
    stage.listen(choose("T"), "change", () => stage.set({ t: t() }));
    const fit = addTick(stage, "fit", "fit betas to T");
    const enable = () => {
      fit.disabled = get("schedule") === "squaredcos_cap_v2"; // it fits by itself: a switch without effect would puzzle
    };
    stage.onChange(["schedule"], enable);
    enable();
  }
  addButton(stage, "Reset", () => {
    clock.play(false);
    stage.set(first);
  });

  const frame = () => makeFrame(arrange(stage.width).scene, [-reach, reach], [-reach, reach]);
  for (let k = 0; k < first.shift.length / 2; k++) {
    const there = () => k < now.set.handles.length;
    /** @type {(x: Float32Array) => Point} */
    const place = (x) => {
      const pair = there() ? pairOf(now.set, k) : 0;
      const [px, py] = placesOf(now.set, x).subarray(2 * pair);
      return [px, py];
    };
    const handle = addHandle(stage, {
      name: `point ${k + 1}`,
      frame,
      there,
      step: 0.05,
      place: () => place(now.x0),
      says: () => `x ${place(now.x0)[0].toFixed(2)}, y ${place(now.x0)[1].toFixed(2)}`,
      move(to) {
        const [home, shift] = [homesOf(now.set), [...now.shift]];
        for (const axis of [0, 1]) shift[2 * k + axis] = to[axis] - home[2 * k + axis];
        stage.set({ shift: kept(home, shift, room) });
      },
    });
    handle.classList.add("small"); // six on one path
  }
  stage.onDraw((context) => {
    stage.words.style.minHeight = stage.width < 500 ? "5.6em" : "2.8em"; // what stands below shall not jump
    const level = levelAt(now.table, at);
    const [clean, noisy] = [now.x0, addNoise(now.x0, now.noise, level)].map((x) => placesOf(now.set, x));
    drawScene({ context, stage, roles, frame: frame(), scene, set: now.set, clean, noisy });
    const { panel } = arrange(stage.width);
    drawLevels({ context, stage, roles, panel, table: now.table, at, level, t: t(), notNoise: get("not_noise") });
  });
  stage.onChange(Object.keys(bounds), changed);
  describe();
  return stage.close;
}

export default { render };
