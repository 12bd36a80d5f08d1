// Data of the noising demo and its noise at a time t: pure functions, held to dilviz/diffusion/schedule.py by a test.

import { floats } from "./numbers.js";

/**
 * Data as Python packed it: rows of `length` pairs; each is a place by itself, or (`summed`) a step from the place before.
 * @typedef {{length: number, x0: string, tree: boolean, handles: Point[], origin: Point, step: number, summed: boolean}} PackedSet
 * @typedef {Omit<PackedSet, "x0"> & {x0: Float32Array}} DataSet
 * @typedef {{signal: number, sigma: number}} Level sqrt(alpha_bar) and sqrt(1 - alpha_bar)
 */

/** Data from text. @param {PackedSet} packed @returns {DataSet} */
export const makeSet = (packed) => ({ ...packed, x0: floats(packed.x0) });

/**
 * Where data lies in the scene.
 * @param {DataSet} set
 * @param {ArrayLike<number>} x data like its x0
 * @returns {Float32Array} x, y, x, y, …
 */
export function placesOf({ length, origin, step, summed }, x) {
  const places = new Float32Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const from = summed && i % (2 * length) > 1 ? places[i - 2] : origin[i % 2];
    places[i] = from + step * x[i];
  }
  return places;
}

/** Index of a handle's pair in the data. @param {DataSet} set @param {number} k @returns {number} */
export const pairOf = ({ length, handles }, k) => handles[k][0] * length + handles[k][1];

/** Where its handles lie before they are dragged: x, y, x, y, … @param {DataSet} set @returns {number[]} */
export function homesOf(set) {
  const places = placesOf(set, set.x0);
  return set.handles.flatMap((_, k) => [...places.subarray(2 * pairOf(set, k)).subarray(0, 2)]);
}

/**
 * How far each place of the dragged path goes along: as far as the handles, in between in between, at its ends not at all.
 * @param {DataSet} set
 * @param {number[]} shift
 * @param {number} at index of the place
 * @returns {Point}
 */
function along({ length, handles }, shift, at) {
  const knots = [-1, ...handles.map(([, place]) => place), length];
  const next = knots.findIndex((knot) => knot > at);
  const part = (at - knots[next - 1]) / (knots[next] - knots[next - 1]);
  const value = (/** @type {number} */ knot, /** @type {number} */ axis) =>
    knot % (knots.length - 1) ? shift[2 * (knot - 1) + axis] : 0;
  const [x, y] = [0, 1].map((axis) => (1 - part) * value(next - 1, axis) + part * value(next, axis));
  return [x, y];
}

/**
 * Data of which handles were dragged: a path bends with them, points go with the handle that is nearest.
 * @param {DataSet} set
 * @param {number[]} shift x and y of each handle
 * @returns {Float32Array} like its x0
 */
export function drag(set, shift) {
  const { length, step, summed } = set;
  const x = set.x0.slice();
  if (length === 1) {
    const places = placesOf(set, x);
    for (let row = 0; row < x.length / 2; row++) {
      const far = set.handles.map((_, k) => {
        const pair = pairOf(set, k);
        return Math.hypot(places[2 * row] - places[2 * pair], places[2 * row + 1] - places[2 * pair + 1]);
      });
      const k = far.indexOf(Math.min(...far));
      for (const axis of [0, 1]) x[2 * row + axis] += shift[2 * k + axis] / step;
    }
    return x;
  }
  const first = 2 * set.handles[0][0] * length;
  let before = [0, 0];
  for (let at = 0; at < length; at++) {
    const moved = along(set, shift, at);
    for (const axis of [0, 1]) x[first + 2 * at + axis] += (moved[axis] - (summed ? before[axis] : 0)) / step;
    before = moved;
  }
  return x;
}

/** Signal and noise from ln(signal-to-noise ratio). @param {number} logSnr @returns {Level} */
export const levelOf = (logSnr) => ({
  signal: Math.sqrt(1 / (1 + Math.exp(-logSnr))),
  sigma: Math.sqrt(1 / (1 + Math.exp(logSnr))),
});

/**
 * Signal and noise at a time; between whole times log-SNR is linear, as in Python, and before the first the noise is.
 * @param {ArrayLike<number>} table log-SNR at t = 0 … T-1
 * @param {number} t -1 (clean) to T-1
 * @returns {Level}
 */
export function levelAt(table, t) {
  if (t < 0) {
    const sigma = (t + 1) * levelOf(table[0]).sigma;
    return { signal: Math.sqrt(1 - sigma * sigma), sigma };
  }
  const [low, high] = [Math.floor(t), Math.ceil(t)];
  return levelOf(table[low] + (t - low) * (table[high] - table[low]));
}

/**
 * x_t = signal x_0 + sigma noise (Ho et al. 2020, eq. 4).
 * @param {ArrayLike<number>} x0
 * @param {ArrayLike<number>} noise
 * @param {Level} level
 * @returns {Float32Array}
 */
export const addNoise = (x0, noise, { signal, sigma }) =>
  Float32Array.from(x0, (value, i) => signal * value + sigma * noise[i]);

/** Three significant digits, rounded as dilviz.show.base.rounded does. @param {number} value @returns {string} */
export function threeDigits(value) {
  if (Math.abs(value) < 1e-12) return "0";
  const [digits, exponent] = value.toExponential(5).split("e");
  return String(Number(`${Math.round(Number(digits.replace(".", "")) / 1000)}e${Number(exponent) - 2}`));
}

/**
 * The picture in two sentences.
 * @param {ArrayLike<number>} table
 * @param {number} t
 * @param {number} notNoise more alpha_bar than this at the last step is too much
 * @returns {string}
 */
export function sayNoising(table, t, notNoise) {
  const last = table.length - 1;
  const { signal, sigma } = levelAt(table, t);
  const left = levelAt(table, last).signal ** 2;
  const warning = left > notNoise ? " ⚠ Too much: the last step is not noise yet." : "";
  return (
    `t = ${t} of 0 … ${last}${t < 0 ? " (clean)" : ""}: ᾱ = ${threeDigits(signal ** 2)}, so xₜ is ${threeDigits(signal)} times ` +
    `the data (grey) plus ${threeDigits(sigma)} times noise. At the last step ᾱ = ${threeDigits(left)} is left.${warning}`
  );
}
