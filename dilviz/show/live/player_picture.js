// A recording, drawn as it is at a step.

import { disc, takePen, trace, write } from "./ink.js";
import { clamp } from "./numbers.js";
import { arrangeFilms, flames, frameAt, HEAD, LINE, PADDING, placeAt } from "./player_layout.js";

/** @import { Area } from "./labels.js" */
/** @import { Frame } from "./stage.js" */
/** @import { Craft, Recording, Track, marksAt } from "./player_layout.js" */
/** @typedef {{ context: CanvasRenderingContext2D, stage: import("./stage.js").Stage, roles: Record<string, any>, scene: Recording, frame: Frame, step: number }} Picture */

/** @param {Picture} picture */
export function drawBackground({ context, stage, roles, scene, frame }) {
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
export function drawNames({ context, stage, scene, frame }) {
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
export function drawTrail({ context, roles, frame, step }, { role, places }, many) {
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
export function drawMark({ context, roles, scene, frame, step }, track) {
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
export function drawLabels({ context, stage, roles }, marks, boxes) {
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
export function drawFilms({ context, stage, roles, scene, step }, images) {
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
