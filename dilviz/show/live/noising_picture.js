// How the noising demo is drawn: the data at the left (on narrow pages above), the levels of signal and noise beside it.

import { levelAt, pairOf } from "./noising_data.js";
import { disc, takePen, trace, write } from "./ink.js";
import { makeFrame } from "./stage.js";

const WIDE = 620; // pixels from which the panel stands beside the scene
const GREY_POINTS = 150; // enough to see the heaps

/** @typedef {import("./stage.js").Box} Box */

/** Scene and panel in a canvas of a width. @param {number} width @returns {{scene: Box, panel: Box, height: number}} */
export function arrange(width) {
  const wide = width >= WIDE;
  const side = wide ? Math.min(0.5 * width, 430) : width;
  const scene = { left: 1, top: 1, width: side - 2, height: side - 2 };
  const panel = wide
    ? { left: side + 46, top: 34, width: width - side - 146, height: side - 84 }
    : { left: 30, top: side + 38, width: width - 130, height: 140 };
  return { scene, panel, height: wide ? side : side + 220 };
}

/** Data, clean and noised, round the tree. @param {any} view @returns {void} */
export function drawScene({ context, stage, roles, frame, scene, set, clean, noisy }) {
  const { left, top, width, height } = frame.box;
  const ways = set.handles.map((/** @type {Point} */ _, /** @type {number} */ k) => pairOf(set, k));
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  if (set.tree) disc(context, frame, roles.tree, [0, 0], scene.tree);
  if (set.length > 1) drawPaths(context, frame, roles, set.length, clean, noisy);
  else drawPoints(context, frame, roles, clean, noisy);
  takePen(context, { ...roles.noise, color: stage.ink }, { alpha: 0.6, width: 1, dash: "solid" });
  context.beginPath();
  for (const pair of ways) {
    context.moveTo(...frame.at(clean.subarray(2 * pair)));
    context.lineTo(...frame.at(noisy.subarray(2 * pair)));
  }
  context.stroke();
  takePen(context, roles.noise);
  context.beginPath();
  for (const pair of ways) diamond(context, frame.at(noisy.subarray(2 * pair)), 6);
  context.fill();
  if (set.tree) {
    for (const [name, side] of /** @type {const} */ ([["start", 18], ["goal", -18]])) {
      const [x, y] = frame.at([0, scene[name]]);
      takePen(context, roles.tree);
      context.beginPath();
      context.arc(x, y, 4, 0, 2 * Math.PI);
      context.fill();
      write(context, stage, name, [x, y + side]);
    }
  }
  context.restore();
  takePen(context, roles.expert, { alpha: 0.5, width: 1, dash: "solid" });
  context.strokeRect(left, top, width, height);
}

/** @param {CanvasRenderingContext2D} context @param {Point} middle @param {number} size */
function diamond(context, [x, y], size) {
  context.moveTo(x - size, y);
  context.lineTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.closePath();
}

/** @param {CanvasRenderingContext2D} context @param {import("./stage.js").Frame} frame @param {any} roles @param {number} length @param {Float32Array} clean @param {Float32Array} noisy */
function drawPaths(context, frame, roles, length, clean, noisy) {
  const rows = clean.length / 2 / length;
  const lines = (/** @type {Float32Array} */ places, /** @type {number} */ from, /** @type {number} */ to) => {
    context.beginPath();
    for (let row = from; row < to; row++) trace(context, frame, places, row * length, (row + 1) * length);
    context.stroke();
  };
  takePen(context, roles.data, { alpha: 0.7 });
  lines(clean, 0, rows);
  takePen(context, roles.noise, { alpha: 0.55, width: 1, dash: "solid" });
  lines(noisy, 1, rows);
  takePen(context, roles.noise, { width: 3, dash: "solid" });
  lines(noisy, 0, 1);
  takePen(context, roles.data, { width: 3 });
  lines(clean, 0, 1);
}

/** @param {CanvasRenderingContext2D} context @param {import("./stage.js").Frame} frame @param {any} roles @param {Float32Array} clean @param {Float32Array} noisy */
function drawPoints(context, frame, roles, clean, noisy) {
  takePen(context, roles.data);
  context.beginPath();
  for (let i = 0; i < 2 * GREY_POINTS; i += 2) {
    const [x, y] = frame.at([clean[i], clean[i + 1]]);
    context.moveTo(x + 2, y);
    context.arc(x, y, 2, 0, 2 * Math.PI);
  }
  context.fill();
  takePen(context, roles.noise, { alpha: 0.7 });
  context.beginPath();
  for (let i = 0; i < noisy.length; i += 2) diamond(context, frame.at([noisy[i], noisy[i + 1]]), 2.6);
  context.fill();
}

/** Signal and noise over the steps, a mark at the time, and one where a schedule stops too early. @param {any} view @returns {void} */
export function drawLevels({ context, stage, roles, panel, table, at, level, t, notNoise }) {
  const { left, top, width, height } = panel;
  const frame = makeFrame(panel, [0, 1], [-0.03, 1.08], false);
  const T = table.length;
  const levels = Array.from({ length: T + 1 }, (_, k) => levelAt(table, k - 1));
  takePen(context, roles.expert, { alpha: 0.5, width: 1, dash: "solid" });
  context.strokeRect(left, top, width, height);
  const curves = /** @type {const} */ ([["signal", "data", "signal √ᾱ"], ["sigma", "noise", "noise √(1−ᾱ)"]]);
  for (const [name, role] of curves) {
    takePen(context, roles[role], { width: 2 });
    context.beginPath();
    trace(context, frame, levels.flatMap((one, k) => [k / T, one[name]]));
    context.stroke();
  }
  const share = (at + 1) / T;
  takePen(context, roles.data);
  context.beginPath();
  context.arc(...frame.at([share, level.signal]), 5.5, 0, 2 * Math.PI);
  context.fill();
  takePen(context, roles.noise);
  context.beginPath();
  diamond(context, frame.at([share, level.sigma]), 7);
  context.fill();
  const end = levels[T];
  if (end.signal ** 2 > notNoise) {
    const [x, y] = frame.at([1, end.signal]);
    takePen(context, roles.cloning);
    context.fillRect(x - 7, y - 7, 14, 14);
  }
  const heights = [end.signal, end.sigma].map((value) => frame.at([1, value])[1]);
  const [middle, half] = [(heights[0] + heights[1]) / 2, Math.max(Math.abs(heights[0] - heights[1]), 18) / 2];
  const down = heights[0] > heights[1] ? 1 : -1;
  curves.forEach(([, , text], k) => {
    write(context, stage, text, [left + width + 10, middle + half * down * (k ? -1 : 1)], { align: "left" });
  });
  for (const value of [0, 1]) {
    write(context, stage, String(value), [left - 8, frame.at([0, value])[1]], { align: "right" });
    write(context, stage, String(value), [frame.at([value, 0])[0], top + height + 14]);
  }
  write(context, stage, "share of the T steps", [left + width / 2, top + height + 14]);
  write(context, stage, `t = ${t}${t < 0 ? " (clean)" : ""}`, [left + width / 2, top - 14], { bold: true });
}
