// How a moment of the fork is drawn: the scene, the chunks that are being thought, and how their ends part in a panel.

import { actionsOf } from "./fork_world.js";
import { disc, takePen, trace, write } from "./ink.js";
import { clamp } from "./numbers.js";
import { makeFrame } from "./stage.js";

/** @import { Walker, Rules, Scene, Policy } from "./fork_world.js" */
/** @import { Moment, Show } from "./fork_waves.js" */
/** @import { Box, Frame, Stage } from "./stage.js" */

/** @typedef {{ context: CanvasRenderingContext2D, stage: Stage, show: Show, roles: Record<string, any> }} Sight */

const REACH = 0.22; // of the panel: as far to the side as a chunk leads

/** Places of a walker up to a moment; between two steps the last one is on its way. @param {Point[]} places @param {number} reached @param {number} part */
function soFar(places, reached, part) {
  const path = places.slice(0, reached);
  const [to, from] = [path[path.length - 1], path[path.length - 2]];
  if (part < 1 && from) path[path.length - 1] = [from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1])];
  return path;
}

/** @param {CanvasRenderingContext2D} context @param {import("./stage.js").Frame} frame @param {Point[]} path */
export function follow(context, frame, path) {
  path.forEach((place, k) => {
    const [x, y] = frame.at(place);
    if (k) context.lineTo(x, y);
    else context.moveTo(x, y);
  });
}

/** @param {CanvasRenderingContext2D} context @param {Point} middle @param {number} size */
export function cross(context, [x, y], size) {
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x - size, y + size);
  context.lineTo(x + size, y - size);
}

/** @param {Sight & { frame: Frame, part: number, clone: Walker | null, hint: boolean, dragging: boolean }} view */
export function drawScene({ context, stage, show, roles, frame, part, clone, hint, dragging }) {
  const { wave, moment, rules } = show;
  const scene = show.scene();
  disc(context, frame, roles.tree, scene.tree, scene.radius);
  disc(context, frame, roles.expert, scene.goal, rules.goal_radius);
  if (clone) {
    takePen(context, roles.cloning, { width: 3 });
    context.beginPath();
    follow(context, frame, clone.places);
    context.stroke();
    takePen(context, roles.cloning, { dash: "solid", width: 4 });
    context.beginPath();
    const end = frame.at(clone.places[clone.places.length - 1]);
    if (clone.outcome === "crashed" || clone.outcome === "late") cross(context, end, 6);
    else context.arc(...end, 5, 0, 2 * Math.PI);
    context.stroke();
  }
  const active = new Set(moment.active);
  const alone = wave.walkers.length === 1;
  const paths = wave.walkers.map((/** @type {Walker} */ walker, /** @type {number} */ k) =>
    soFar(walker.places, moment.reached[k], active.has(walker) ? part : 1),
  );
  takePen(context, roles.diffusion, { alpha: dragging ? 0.3 : alone ? 1 : 0.8, width: alone ? 3 : 1.2 });
  context.beginPath();
  for (const path of paths) follow(context, frame, path);
  context.stroke();
  takePen(context, roles.diffusion);
  wave.walkers.forEach((/** @type {Walker} */ { outcome, places }, /** @type {number} */ k) => {
    const ended = moment.reached[k] === places.length && part === 1 && (outcome === "crashed" || outcome === "late");
    const pixel = frame.at(paths[k][paths[k].length - 1]);
    context.beginPath();
    if (ended) cross(context, pixel, 4);
    else context.arc(...pixel, alone ? 6 : 3.5, 0, 2 * Math.PI);
    if (ended) context.stroke();
    else context.fill();
  });
  drawNames(context, stage, roles, frame.box, clone !== null);
  const [x, y] = frame.at(scene.goal);
  const up = rules.goal_radius * frame.scale + 11;
  write(context, stage, "goal", [x, y - up < 8 ? y + up : y - up]);
  write(context, stage, hint ? "drag the tree" : "tree", frame.at([scene.tree[0], scene.tree[1] + 0.55 * scene.radius]));
  const [sx, sy] = frame.at(scene.start);
  write(context, stage, "start", [sx, sy + 24 > stage.height - 8 ? sy - 24 : sy + 24]);
}

/** Which colour is who. @param {CanvasRenderingContext2D} context @param {Stage} stage @param {Record<string, any>} roles @param {Box} box @param {boolean} cloned */
function drawNames(context, stage, roles, { left, top }, cloned) {
  for (const [k, role] of (cloned ? ["diffusion", "cloning"] : ["diffusion"]).entries()) {
    const y = top + 12 + 20 * k;
    takePen(context, roles[role], { width: 3 });
    context.beginPath();
    context.moveTo(left + 4, y);
    context.lineTo(left + 30, y);
    context.stroke();
    write(context, stage, role, [left + 38, y], { align: "left" });
  }
}

/** The chunks that are being thought: in the scene, and how their ends part in the panel. @param {Sight & { frame: Frame, panel: Box, steps: number }} view */
export function drawThoughts({ context, stage, show, roles, frame, panel, steps }) {
  const { wave, moment, policy, rules } = show;
  const clean = moment.stage === steps;
  const size = policy.network.outputs;
  const fans = moment.active.map((/** @type {Walker} */ walker, /** @type {number} */ row) =>
    places(walker.places[moment.reached[wave.walkers.indexOf(walker)] - 1], actionsOf(policy, moment.chunks, row, size), rules),
  );
  if (moment.kind === "thought") {
    takePen(context, clean ? roles.diffusion : roles.noise, { alpha: fans.length > 1 ? 0.85 : 1, dash: "solid", width: fans.length > 1 ? 1.2 : 3 });
    context.beginPath();
    for (const fan of fans) follow(context, frame, fan);
    context.stroke();
  }
  drawPanel({ context, stage, show, roles, panel, steps });
}

/** Where actions lead, as if nothing stood in the way. @param {Point} from @param {Point[]} actions @param {Rules} rules */
export function places(from, actions, rules) {
  const path = [from];
  for (const action of actions) {
    const far = rules.max_step / Math.max(Math.hypot(...action), 1);
    const [x, y] = path[path.length - 1];
    path.push([x + far * action[0], y + far * action[1]]);
  }
  return path;
}

/** @param {Sight & { panel: Box, steps: number }} view */
function drawPanel({ context, stage, show, roles, panel, steps }) {
  const { wave, moment, policy, rules, at } = show;
  const scene = show.scene();
  const frame = makeFrame(panel, [0, 1], [-REACH, REACH], false);
  const [ax, ay] = [scene.goal[0] - scene.start[0], scene.goal[1] - scene.start[1]];
  const long = Math.hypot(ax, ay) || 1;
  const sideways = (/** @type {Moment} */ { chunks, active }, /** @type {number} */ row) => {
    const from = active[row].places[0];
    const [x, y] = places(from, actionsOf(policy, chunks, row, policy.network.outputs), rules).pop() ?? from;
    return ((x - from[0]) * ay - (y - from[1]) * ax) / long;
  };
  // The stages of this look, oldest first.
  let from = at;
  while (from > 0 && !(wave.moments[from].kind === "thought" && wave.moments[from].stage === 0)) from--;
  const stages = wave.moments.slice(from, from + moment.stage + 1);
  const active = stages[0].active;
  const rows = active.map((/** @type {Walker} */ _, /** @type {number} */ row) =>
    stages.map((/** @type {Moment} */ one, /** @type {number} */ k) => frame.at([1 - k / steps, clamp(sideways(one, row), -REACH, REACH)])),
  );
  takePen(context, roles.expert, { alpha: 0.5, width: 1, dash: "solid" });
  context.strokeRect(panel.left, panel.top, panel.width, panel.height);
  context.beginPath();
  trace(context, frame, [0, 0, 1, 0]);
  context.stroke();
  takePen(context, roles.noise, { alpha: 0.7, width: 1.2, dash: "solid" });
  context.beginPath();
  for (const row of rows) row.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
  takePen(context, moment.stage === steps ? roles.diffusion : roles.noise);
  for (const row of rows) {
    context.beginPath();
    context.arc(...row[row.length - 1], 3, 0, 2 * Math.PI);
    context.fill();
  }
  const { left, top, width, height } = panel;
  for (const [text, value] of /** @type {[string, number][]} */ ([["right", 0.15], ["ahead", 0], ["left", -0.15]])) {
    write(context, stage, text, [left - 8, frame.at([0, value])[1]], { align: "right" });
  }
  write(context, stage, "where plans lead", [left + width / 2, top - 14], { bold: true });
  write(context, stage, "clean", [left, top + height + 14], { align: "left" });
  if (width > 220) write(context, stage, "← noise comes off", [left + width / 2, top + height + 14]);
  write(context, stage, "noise", [left + width, top + height + 14], { align: "right" });
}
