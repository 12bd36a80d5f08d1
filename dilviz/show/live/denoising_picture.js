// The picture of a flow: the data's ground, the score field, particles and their tails.

import { exactScore, placesAt } from "./denoising_flow.js";
import { takePen } from "./ink.js";
import { clamp } from "./numbers.js";

/** @typedef {import("./denoising_flow.js").Mixture} Mixture */
/** @typedef {import("./denoising_flow.js").Flow} Flow */
/** @typedef {import("./stage.js").Frame} Frame */

const CELL = 34; // pixels from one arrow to the next
const [TAIL, TAILS] = [8, 2400]; // steps that a tail goes back, at most, and of all tails together

/** A flow at a moment, over the data and the field. @param {{context: CanvasRenderingContext2D, stage: any, roles: any, frame: Frame, mixture: Mixture, flow: Flow, at: number}} view */
export function drawFlow({ context, stage, roles, frame, mixture, flow, at }) {
  const { left, top, width, height } = frame.box;
  const done = Math.min(Math.floor(at), flow.xs.length - 1);
  const { signal, sigma } = flow.plan[done] ?? { signal: 1, sigma: 0 };
  const { signal: after } = flow.plan[done + 1] ?? { signal: 1 };
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  drawHeaps(context, frame, roles.data, mixture);
  takePen(context, { ...roles.data, color: stage.ink }, { alpha: 0.4, width: 1, dash: "solid" });
  drawField(context, frame, mixture, signal, sigma);
  const clean = clamp(signal + (at - done) * (after - signal), 0, 1) ** 2;
  const pen = { ...roles.diffusion, color: mixed(roles.noise.color, roles.diffusion.color, clean) };
  takePen(context, pen, { width: 1, dash: "solid" }); // wider lines cost five times the work without a graphics card
  drawTails(context, frame, flow, at);
  takePen(context, pen);
  context.beginPath();
  const places = placesAt(flow.xs, at);
  for (let i = 0; i < places.length; i += 2) {
    const [x, y] = frame.at([places[i], places[i + 1]]);
    context.moveTo(x + 2.5, y);
    context.arc(x, y, 2.5, 0, 2 * Math.PI);
  }
  context.fill();
  context.restore();
}

/** The ground that counts as data, with one rim around it all. @param {CanvasRenderingContext2D} context @param {Frame} frame @param {any} role @param {Mixture} mixture */
function drawHeaps(context, frame, role, { means, std }) {
  context.beginPath();
  for (const mean of means) {
    const [x, y] = frame.at(mean);
    context.moveTo(x + 3 * std * frame.scale, y);
    context.arc(x, y, 3 * std * frame.scale, 0, 2 * Math.PI);
  }
  takePen(context, role, { width: 3, dash: "solid" });
  context.stroke();
  context.globalCompositeOperation = "destination-out"; // what of the rims lies within
  context.fill();
  context.globalCompositeOperation = "source-over";
  context.globalAlpha = 0.2;
  context.fill();
}

/** Arrows along the score, in units of the noise, shortened so that all can be seen. @param {CanvasRenderingContext2D} context @param {Frame} frame @param {Mixture} mixture @param {number} signal @param {number} sigma */
function drawField(context, frame, mixture, signal, sigma) {
  const { box } = frame;
  const counts = [Math.floor(box.width / CELL), Math.floor(box.height / CELL)];
  const places = [];
  for (let i = 0; i < counts[0]; i++) {
    for (let j = 0; j < counts[1]; j++) {
      places.push(...frame.back([box.left + ((i + 0.5) * box.width) / counts[0], box.top + ((j + 0.5) * box.height) / counts[1]]));
    }
  }
  const scores = exactScore(mixture, places, signal, sigma);
  const unit = Math.hypot(signal * mixture.std, sigma);
  context.beginPath();
  for (let k = 0; k < scores.length; k += 2) {
    const size = unit * Math.hypot(scores[k], scores[k + 1]);
    if (size < 0.05) continue;
    const long = ((CELL - 8) * size) / (size + 1);
    const [dx, dy] = [(scores[k] * unit * long) / size, (-scores[k + 1] * unit * long) / size];
    const [x, y] = frame.at([places[k], places[k + 1]]);
    const [tx, ty] = [x + dx / 2, y + dy / 2];
    context.moveTo(x - dx / 2, y - dy / 2);
    context.lineTo(tx, ty);
    context.moveTo(tx - 0.25 * dx + 0.15 * dy, ty - 0.25 * dy - 0.15 * dx);
    context.lineTo(tx, ty);
    context.lineTo(tx - 0.25 * dx - 0.15 * dy, ty - 0.25 * dy + 0.15 * dx);
  }
  context.stroke();
}

/** Where particles came from, the fainter the longer ago. @param {CanvasRenderingContext2D} context @param {Frame} frame @param {Flow} flow @param {number} at */
function drawTails(context, frame, { xs, plan }, at) {
  const done = Math.min(Math.floor(at), xs.length - 1);
  const count = clamp(Math.round(0.3 * plan.length), 1, Math.min(TAIL, TAILS / (xs[0].length / 2)));
  for (let age = 0; age <= Math.min(count, done); age++) {
    const to = age ? xs[done - age + 1] : placesAt(xs, at);
    const from = xs[done - age];
    if (from === to) continue;
    context.globalAlpha = 0.5 * (1 - (age + at - done) / (count + 1));
    context.beginPath();
    for (let i = 0; i < to.length; i += 2) {
      context.moveTo(...frame.at([from[i], from[i + 1]]));
      context.lineTo(...frame.at([to[i], to[i + 1]]));
    }
    context.stroke();
  }
}

/** A colour between two. @param {string} a "#RRGGBB" @param {string} b likewise @param {number} part of b @returns {string} */
export function mixed(a, b, part) {
  const parts = (/** @type {string} */ color) => [1, 3, 5].map((k) => Number.parseInt(color.slice(k, k + 2), 16));
  const [from, to] = [parts(a), parts(b)];
  return `rgb(${from.map((value, k) => Math.round(value + part * (to[k] - value))).join(" ")})`;
}
