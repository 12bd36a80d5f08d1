// The picture language on a canvas: roles as dilviz.show.theme names them.

/** @import { Frame, Stage } from "./stage.js" */

/** @type {Record<string, number[]>} */
const DASHES = { solid: [], dot: [1.5, 3.5], dash: [8, 5], longdash: [12, 5], dashdot: [8, 4, 2, 4] };

/**
 * Take a role's pen.
 * @param {CanvasRenderingContext2D} context
 * @param {{color: string, dash: string, width: number}} role
 * @param {{alpha?: number, width?: number, dash?: string}} [change]
 */
export function takePen(context, role, { alpha = 1, width = role.width, dash = role.dash } = {}) {
  context.globalAlpha = alpha;
  context.strokeStyle = context.fillStyle = role.color;
  context.lineWidth = width;
  context.lineJoin = context.lineCap = "round";
  context.setLineDash(DASHES[dash]);
}

/**
 * A line through places, with the pen that is taken; several may be begun and stroked at once.
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {ArrayLike<number>} places x, y, x, y, …
 * @param {number} [from] index of the first place
 * @param {number} [to] index after the last
 */
export function trace(context, frame, places, from = 0, to = places.length / 2) {
  for (let k = from; k < to; k++) {
    const [x, y] = frame.at([places[2 * k], places[2 * k + 1]]);
    if (k === from) context.moveTo(x, y);
    else context.lineTo(x, y);
  }
}

/**
 * A disc, such as the tree: its ground at a fifth, its edge whole.
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {{color: string, dash: string, width: number}} role
 * @param {ArrayLike<number>} middle
 * @param {number} radius
 */
export function disc(context, frame, role, middle, radius) {
  const [x, y] = frame.at(middle);
  takePen(context, role, { alpha: 0.2 });
  context.beginPath();
  context.arc(x, y, radius * frame.scale, 0, 2 * Math.PI);
  context.fill();
  context.globalAlpha = 1;
  context.stroke();
}

/**
 * Words in the colour of text, on a rim of paper so that lines do not cut them.
 * @param {CanvasRenderingContext2D} context
 * @param {Stage} stage
 * @param {string} text
 * @param {Point} pixel
 * @param {{align?: CanvasTextAlign, baseline?: CanvasTextBaseline, bold?: boolean}} [look]
 */
export function write(context, stage, text, pixel, { align = "center", baseline = "middle", bold = false } = {}) {
  context.globalAlpha = 1;
  context.setLineDash([]);
  context.font = `${bold ? "600 " : ""}13px system-ui, sans-serif`;
  [context.textAlign, context.textBaseline] = [align, baseline];
  [context.strokeStyle, context.lineWidth, context.lineJoin] = [stage.paper, 4, "round"];
  context.strokeText(text, ...pixel);
  context.fillStyle = stage.ink;
  context.fillText(text, ...pixel);
}
