// Where everything of a recording is at a step. Pure functions: plain arrays in and out.

import { boxAround } from "./labels.js";
import { clamp } from "./numbers.js";

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
const [GAP, LEAST] = [12, 140]; // between films; the least width of one
export const HEAD = 24; // above each film, for its name
export const [PADDING, LINE] = [3, 16]; // of a label: around it, from line to line

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
