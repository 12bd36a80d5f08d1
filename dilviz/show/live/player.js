// Recorded rollouts, played in step: trajectories in one scene, or films side by side. What was done is computed in
// Python; here it is only shown.

import { boxAround, placeLabels } from "./labels.js";
import { addTransport, calm } from "./clock.js";
import { addSlider } from "./controls.js";
import { disc, takePen, trace, write } from "./ink.js";
import { clamp } from "./numbers.js";
import { add, makeFrame, openStage } from "./stage.js";

/** @typedef {import("./labels.js").Area} Area */
/** @typedef {import("./labels.js").Labelled} Labelled */
/** @typedef {import("./stage.js").Frame} Frame */
/** @typedef {{ role: string, label: string, ends: string, failed: boolean, places: number[][], powers: number[][] }} Track x, y and, of a craft, its angle */
/** @typedef {{ role: string, label: string, ends: string, frames: string[], steps: number[] }} Film frames as data URIs, and at which steps they were taken */
/** @typedef {{ kind: "disc" | "line" | "area", points: number[][], role: string, radius: number, name: string }} Shape */
/** @typedef {{ base: number[][], tip: number[] }} Jet where a flame starts, and how far it reaches at full power */
/** @typedef {{ hull: number[][], legs: number[][][], jets: Jet[], radius: number }} Craft in its own frame */
/** @typedef {{ tracks: Track[], films: Film[], background: Shape[], craft: Craft | null, x: Point, y: Point, last: number, rate: number, timed: boolean, glimpse: number, size: Point, caption: string }} Recording */

const TALLEST = 420; // pixels of a scene
const HOLD = 75; // sixtieths of a second that the end stands before it begins anew
const [GAP, HEAD, LEAST] = [12, 24, 140]; // between films; above each, for its name; the least width of one
const [PADDING, LINE] = [3, 16]; // of a label: around it, from line to line

/** Where something is at a step, which may lie between two; before the first and after the last it stands.
    @param {number[][]} places @param {number} step @returns {number[]} */
export function placeAt(places, step) {
  const i = clamp(Math.floor(step), 0, places.length - 1);
  const [from, to] = [places[i], places[Math.min(i + 1, places.length - 1)]];
  return from.map((value, k) => value + clamp(step - i, 0, 1) * (to[k] - value));
}

/** Index of the last frame that was taken by a step. @param {number[]} steps rising @param {number} step */
export const frameAt = (steps, step) => Math.max(steps.findLastIndex((taken) => taken <= step), 0);

/** Triangles of the flames in a craft's own frame. @param {Jet[]} jets @param {number[]} powers each from 0 to 1 */
export function flames(jets, powers) {
  const burning = jets.map((jet, k) => ({ ...jet, power: powers[k] })).filter(({ power }) => power > 0);
  return burning.map(({ base: [a, b], tip, power }) => [a, b, [0, 1].map((k) => (a[k] + b[k]) / 2 + power * tip[k])]);
}

/** Boxes of films so large as they fit side by side, in as many rows as it takes.
    @param {number} count @param {number} width @param {number} ratio height of a film over its width */
export function arrangeFilms(count, width, ratio) {
  const columns = clamp(Math.floor((width + GAP) / (LEAST + GAP)), 1, count);
  const wide = Math.min((width - (columns - 1) * GAP) / columns, TALLEST / ratio);
  const high = wide * ratio;
  const boxes = Array.from({ length: count }, (_, k) => ({
    left: (k % columns) * (wide + GAP),
    top: HEAD + Math.floor(k / columns) * (high + HEAD + GAP),
    width: wide,
    height: high,
  }));
  return { boxes, height: Math.ceil(count / columns) * (high + HEAD + GAP) };
}

/** How high the picture of a recording is at a width. @param {Recording} scene @param {number} width */
export function heightOf({ films, size, x, y }, width) {
  if (films.length) return arrangeFilms(films.length, width, size[1] / size[0]).height;
  return Math.min((width * (y[1] - y[0])) / (x[1] - x[0]), TALLEST);
}

/** Marks of the tracks, with the sizes of their labels; 0 by 0 without a name. A track that has ended says how.
    @param {Recording} scene @param {Frame} frame @param {number} step @param {(text: string) => number} measure
    @returns {(Labelled & { track: Track, ended: boolean })[]} */
export function marksAt({ tracks, craft }, frame, step, measure) {
  return tracks.map((track) => {
    const [[x, y], ended] = [frame.at(placeAt(track.places, step)), step >= track.places.length - 1];
    const lines = ended && track.ends ? [track.label, track.ends] : [track.label];
    const size = [Math.max(...lines.map(measure)) + 2 * PADDING, lines.length * LINE + 2 * PADDING];
    const [width, height] = track.label ? size : [0, 0];
    return { x, y, radius: craft ? craft.radius * frame.scale : 7, width, height, track, ended };
  });
}

/** Boxes of what labels had better not cover. @param {Recording} scene @param {Frame} frame @returns {Area[]} */
export function crowded({ tracks, background }, frame) {
  const beads = tracks.flatMap(({ places }) => places.filter((_, k) => k % 10 === 0).map(frame.at));
  const marks = background.flatMap(({ kind, points, radius }) => {
    const pixels = points.map(frame.at);
    if (kind === "disc") return [boxAround(...pixels[0], 2 * radius * frame.scale, 2 * radius * frame.scale)];
    return pixels.slice(1).map(([u, v], k) => between(pixels[k], [u, v]));
  });
  return [...beads.map(([x, y]) => boxAround(x, y, 10, 10)), ...marks];
}

/** @param {Point} a @param {Point} b @returns {Area} */
function between([ax, ay], [bx, by]) {
  return { left: Math.min(ax, bx), right: Math.max(ax, bx), top: Math.min(ay, by), low: Math.max(ay, by) };
}

// --- the picture ------------------------------------------------------------------------------------------------------

/** @typedef {{ context: CanvasRenderingContext2D, stage: import("./stage.js").Stage, roles: Record<string, any>, scene: Recording, frame: Frame, step: number }} Picture */

/** @param {Picture} picture */
function drawBackground({ context, stage, roles, scene, frame }) {
  const plain = { color: stage.ink, dash: "solid", width: 1.5 };
  for (const { kind, points, role, radius } of scene.background) {
    const look = role ? { ...roles[role], dash: "solid" } : plain;
    if (kind === "disc") disc(context, frame, look, points[0], radius);
    else {
      context.beginPath();
      trace(context, frame, flat(points));
      takePen(context, look, { alpha: 0.2 });
      if (kind === "area") context.fill();
      context.globalAlpha = 1;
      context.stroke();
    }
  }
  fadeOut(context, stage, frame.at([scene.x[0], 0])[0]);
}

/** In the middle, or above what is too small for its name. @param {Picture} picture */
function drawNames({ context, stage, scene, frame }) {
  for (const { kind, points, radius, name } of scene.background) {
    const [x, y] = frame.at([0, 1].map((k) => points.reduce((sum, point) => sum + point[k] / points.length, 0)));
    const small = kind === "disc" && radius * frame.scale < 30;
    write(context, stage, name, [x, small ? y - radius * frame.scale - 10 : y]);
  }
}

/** Where the page is wider than the scene, its ground ends softly on both sides.
    @param {CanvasRenderingContext2D} context @param {Picture["stage"]} stage @param {number} edge left of the scene, in pixels */
function fadeOut(context, { width, height }, edge) {
  if (edge < 1) return;
  const rub = context.createLinearGradient(0, 0, width, 0);
  for (const [at, alpha] of [[0, 1], [edge / width, 0], [1 - edge / width, 0], [1, 1]]) {
    rub.addColorStop(at, `rgb(0 0 0 / ${alpha})`);
  }
  context.globalCompositeOperation = "destination-out";
  context.globalAlpha = 1;
  context.fillStyle = rub;
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "source-over";
}

const flat = (/** @type {number[][]} */ places) => places.flatMap((place) => place.slice(0, 2));

/** The whole way thin, what is done of it in full. @param {Picture} picture @param {Track} track @param {boolean} many */
function drawTrail({ context, roles, frame, step }, { role, places }, many) {
  const look = roles[role];
  takePen(context, look, { alpha: many ? 0.45 : 0.6, width: 1 });
  context.beginPath();
  trace(context, frame, flat(places));
  context.stroke();
  const done = places.slice(0, clamp(Math.floor(step) + 1, 1, places.length));
  takePen(context, look, { width: many ? 1.5 : look.width });
  context.beginPath();
  trace(context, frame, flat([...done, placeAt(places, step)]));
  context.stroke();
}

/** @param {Picture} picture @param {Track} track */
function drawMark({ context, roles, scene, frame, step }, track) {
  const place = placeAt(track.places, step);
  const ended = step >= track.places.length - 1;
  takePen(context, roles[track.role], { dash: "solid" });
  context.translate(...frame.at(place));
  if (scene.craft) drawCraft(context, scene.craft, track, roles[track.role], frame.scale, place[2], ended ? -1 : Math.floor(step));
  else drawDot(context, roles[track.role].symbol, ended && track.failed);
}

/** @param {CanvasRenderingContext2D} context @param {string} symbol @param {boolean} failed */
function drawDot(context, symbol, failed) {
  context.beginPath();
  if (failed) {
    for (const side of [-5, 5]) {
      context.moveTo(-5, side);
      context.lineTo(5, -side);
    }
    context.lineWidth = 3;
    context.stroke();
  } else if (symbol.startsWith("square")) context.fillRect(-5, -5, 10, 10);
  else {
    context.arc(0, 0, 5.5, 0, 2 * Math.PI);
    context.fill();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Craft} craft
 * @param {Track} track
 * @param {{color: string, dash: string, width: number, symbol: string}} role
 * @param {number} scale
 * @param {number} angle
 * @param {number} now the step whose engines burn; -1: none
 */
function drawCraft(context, { hull, legs, jets }, { powers }, role, scale, angle, now) {
  context.rotate(-angle);
  context.scale(scale, -scale);
  takePen(context, role, { dash: "solid", alpha: 0.55, width: 2.5 });
  for (const flame of now < 0 ? [] : flames(jets, powers[now])) {
    context.beginPath();
    for (const [x, y] of flame) context.lineTo(x, y);
    context.fill();
  }
  context.globalAlpha = 1;
  context.beginPath();
  for (const leg of legs) leg.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
  takePen(context, role, { alpha: 0.3 });
  context.beginPath();
  for (const [x, y] of hull) context.lineTo(x, y);
  context.closePath();
  context.fill();
  context.globalAlpha = 1;
  context.stroke();
  if (role.symbol.startsWith("square")) context.fillRect(-4, -2, 8, 8);
  else {
    context.beginPath();
    context.arc(0, 2, 2.5 * role.width, 0, 2 * Math.PI);
    context.fill();
  }
}

/** @param {Picture} picture @param {ReturnType<typeof marksAt>} marks @param {Area[]} boxes */
function drawLabels({ context, stage, roles }, marks, boxes) {
  marks.forEach(({ x, y, radius, track, ended }, k) => {
    if (!boxes[k]) return;
    const { left, right, top, low } = boxes[k];
    const [u, v] = [clamp(x, left, right), clamp(y, top, low)];
    const far = Math.hypot(u - x, v - y);
    if (far > radius + 12) { // a label that is near needs no line
      const from = (0.6 * radius) / far;
      takePen(context, roles[track.role], { width: 1, dash: "solid" });
      context.beginPath();
      context.moveTo(x + from * (u - x), y + from * (v - y));
      context.lineTo(u, v);
      context.stroke();
    }
    const at = top + PADDING + LINE / 2;
    write(context, stage, track.label, [left + PADDING, at], { align: "left", bold: true });
    if (ended) write(context, stage, track.ends, [left + PADDING, at + LINE], { align: "left" });
  });
}

/** @param {Omit<Picture, "frame">} picture @param {HTMLImageElement[][]} images */
function drawFilms({ context, stage, roles, scene, step }, images) {
  const { boxes } = arrangeFilms(scene.films.length, stage.width, scene.size[1] / scene.size[0]);
  scene.films.forEach(({ role, label, ends, steps }, k) => {
    const { left, top, width, height } = boxes[k];
    const shown = images[k].slice(0, frameAt(steps, step) + 1).findLast((image) => image.complete && image.naturalWidth);
    if (shown) context.drawImage(shown, left, top, width, height);
    takePen(context, roles.expert, { alpha: 0.5, width: 1, dash: "solid" });
    context.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
    takePen(context, roles[role]);
    context.beginPath();
    context.moveTo(left, top - HEAD / 2);
    context.lineTo(left + 28, top - HEAD / 2);
    context.stroke();
    write(context, stage, label, [left + 36, top - HEAD / 2], { align: "left", bold: true });
    const wide = context.measureText(label).width;
    if (step >= steps[steps.length - 1]) write(context, stage, ends, [left + 44 + wide, top - HEAD / 2], { align: "left" });
  });
}

// --- the player -------------------------------------------------------------------------------------------------------

/** @param {View<{ scene: Recording, roles: Record<string, any>, bounds: Record<string, any>, at: number, playing: boolean }>} view */
function render({ model, el }) {
  const roles = model.get("roles");
  let scene = model.get("scene");
  let [step, held] = [0, 0];
  let fresh = true; // what is seen is a glimpse that no hand has chosen: play begins at the start
  /** @type {HTMLImageElement[][]} */ let images = [];
  /** @type {ReturnType<typeof placeLabels>} */ let boxes = [];
  const stage = openStage({ model, el, label: scene.caption, height: (width) => heightOf(scene, width) });
  const { seed } = model.get("bounds");
  if (seed) addSlider(stage, "seed", { label: "seed", low: seed.low, high: seed.high, settled: true }); // Python records anew

  function when() {
    if (scene.timed) return [step, scene.last].map((at) => `${(at / scene.rate).toFixed(1)} s`).join(" of ");
    return `step ${Math.round(step)} of ${scene.last}`;
  }
  /** @param {number} to */
  function go(to) {
    [step, held, fresh] = [clamp(to, 0, scene.last), 0, false];
  }
  function heard() {
    if (clock.playing && (fresh || step >= scene.last)) go(0);
    fresh = false;
    stage.set({ playing: clock.playing, at: Math.round(step) });
  }
  const clock = addTransport(stage, {
    tick(frames) {
      step = Math.min(step + (frames / 60) * scene.rate, scene.last);
      if (step < scene.last) return true;
      if (!held) stage.say(scene.caption);
      held += frames;
      return held < HOLD;
    },
    rewind: () => go(0),
    length: () => scene.last + 1,
    at: () => Math.round(step),
    seek: go,
    says: when,
    loop: model.get("playing"),
    heard,
  });
  const time = add(clock.row.querySelector(".time") ?? clock.row, "span", { class: "value", "aria-hidden": true });

  function begin() {
    scene = model.get("scene");
    images = scene.films.map(({ frames }) => frames.map(load));
    boxes = [];
    go(clock.playing ? 0 : model.get("at"));
    fresh = !clock.playing && !step;
    if (fresh) step = scene.glimpse;
    stage.words.textContent = scene.caption;
    stage.scene.querySelector("canvas")?.setAttribute("aria-label", scene.caption);
    clock.moved();
  }
  /** @param {string} source */
  function load(source) {
    const image = new Image();
    image.onload = () => stage.redraw();
    image.src = source;
    return image;
  }
  stage.onDraw((context) => {
    time.textContent = when();
    if (images.length) return drawFilms({ context, stage, roles, scene, step }, images);
    const frame = makeFrame({ left: 0, top: 0, width: stage.width, height: stage.height }, scene.x, scene.y);
    const picture = { context, stage, roles, scene, frame, step };
    const many = scene.tracks.length > 4;
    drawBackground(picture);
    for (const track of scene.tracks) drawTrail(picture, track, many);
    for (const track of scene.tracks) {
      context.save();
      drawMark(picture, track);
      context.restore();
    }
    drawNames(picture);
    context.font = "600 13px system-ui, sans-serif";
    const marks = marksAt(scene, frame, step, (text) => context.measureText(text).width);
    boxes = placeLabels(marks, { left: 0, right: stage.width, top: 0, low: stage.height }, crowded(scene, frame), boxes);
    drawLabels(picture, marks, boxes);
  });
  stage.onChange(["scene"], begin);
  stage.onChange(["at"], () => {
    if (model.get("at") === (fresh ? 0 : Math.round(step))) return;
    go(model.get("at"));
    clock.moved();
  });
  stage.onChange(["playing"], () => {
    if (model.get("playing") !== clock.playing) clock.play(model.get("playing"));
  });
  begin();
  if (model.get("playing") && !calm()) clock.play(true);
  return stage.close;
}

export default { render };
