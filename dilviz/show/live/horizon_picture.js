// The picture of receding horizon: the scene with what is planned, the tape of the horizons, and what was counted.

import { cross, follow, places } from "./fork_picture.js";
import { disc, takePen, write } from "./ink.js";
import { makeFrame } from "./stage.js";

/** @import { Agent, Crew } from "./horizon_world.js" */
/** @import { Rules, Scene } from "./fork_world.js" */
/** @import { Box, Frame, Stage } from "./stage.js" */

/** @typedef {{ context: CanvasRenderingContext2D, stage: Stage, roles: Record<string, any> }} Sight */
/** @typedef {{ obs: number, pred: number, acted: number, delay: number }} Horizons */
/** @typedef {{ acted: number, arrived: number, of: number, turn: number }} Score */

/** @type {[string, string][]} */
const ROWS = [["predicts", "expert"], ["does", "diffusion"], ["waits", "noise"], ["sees", "expert"]]; // from below
/** @type {Point} */
const TAPE = [-3.2, 17.4]; // steps from the newest observation

// --- the tape ---------------------------------------------------------------------------------------------------------

/** @param {Box} box */
export const tapeFrame = (box) => makeFrame(box, TAPE, [-0.6, 3.6], false);

/** First and last step of each row, both included; a row without steps ends before it begins. @param {Horizons} horizons @returns {Record<string, [number, number]>} */
export const spans = ({ obs, pred, acted, delay }) => ({
  sees: [1 - obs, 0],
  waits: [0, delay - 1],
  does: [delay, delay + acted - 1],
  predicts: [1 - obs, pred - obs],
});

/** Where a row's handle is: at the end that moves. @param {string} name @param {Horizons} horizons @returns {Point} */
export function gripOf(name, horizons) {
  const [first, last] = spans(horizons)[name];
  return [name === "sees" ? first - 0.5 : last + 0.5, ROWS.findIndex(([row]) => row === name)];
}

/** @param {Sight & { box: Box, horizons: Horizons, at: number }} view at: the step that is done, -1 before the first */
export function drawTape({ context, stage, roles, box, horizons, at }) {
  const frame = tapeFrame(box);
  const cell = (/** @type {number} */ step, /** @type {number} */ row) => {
    const [left, top] = frame.at([step - 0.5, row + 0.33]);
    const [right, low] = frame.at([step + 0.5, row - 0.33]);
    return /** @type {const} */ ([left + 1, top, right - left - 2, low - top]);
  };
  ROWS.forEach(([name, role], row) => {
    const [first, last] = spans(horizons)[name];
    takePen(context, roles[role], { dash: "solid", width: 1.5 });
    for (let step = first; step <= last; step++) {
      const done = name === "does";
      context.globalAlpha = done ? 0.85 : 0.25;
      context.fillRect(...cell(step, row));
      context.globalAlpha = 1;
      context.strokeRect(...cell(step, row));
    }
    write(context, stage, name, [box.left - 8, frame.at([0, row])[1]], { align: "right" });
    const [end, y] = frame.at([last + 0.5, row]);
    write(context, stage, String(last - first + 1), [end + 14, y], { align: "left", bold: true });
  });
  takePen(context, roles.expert, { dash: "dot", width: 1.5 });
  const [now] = frame.at([-0.5, 0]);
  context.beginPath();
  context.moveTo(now, box.top);
  context.lineTo(now, box.top + box.height);
  context.stroke();
  if (at >= 0) {
    const [left, top] = frame.at([at - 0.5, 1.5]);
    const [right, low] = frame.at([at + 0.5, 0.5]);
    takePen(context, { ...roles.expert, color: stage.ink }, { dash: "solid", width: 2.5 });
    context.strokeRect(left, top, right - left, low - top);
  }
  write(context, stage, "past", [now - 6, box.top - 10], { align: "right" });
  write(context, stage, "now and ahead, in steps", [now + 6, box.top - 10], { align: "left" });
}

// --- the scene --------------------------------------------------------------------------------------------------------

/** @param {Sight & { frame: Frame, scene: Scene, rules: Rules, crew: Crew, horizons: Horizons, hint: boolean, part: number }} view */
export function drawCrew({ context, stage, roles, frame, scene, rules, crew, horizons, hint, part }) {
  disc(context, frame, roles.tree, scene.tree, scene.radius);
  disc(context, frame, roles.expert, scene.goal, rules.goal_radius);
  const alone = crew.agents.length === 1;
  const walking = new Set(crew.active());
  const paths = crew.agents.map((agent) => shown(agent, walking.has(agent) ? part : 1));
  takePen(context, roles.diffusion, { alpha: alone ? 1 : 0.85, width: alone ? 2.5 : 1.3 });
  context.beginPath();
  crew.agents.forEach(({ pushed }, k) => {
    const cuts = [0, ...pushed, paths[k].length];
    for (let i = 1; i < cuts.length; i++) follow(context, frame, paths[k].slice(cuts[i - 1], cuts[i]));
  });
  context.stroke();
  drawPushes(context, frame, roles, crew.agents, stage.ink);
  for (const agent of walking) drawPlan(context, frame, roles, rules, agent, horizons, crew.at, agent === crew.agents[0]);
  takePen(context, roles.diffusion);
  crew.agents.forEach(({ outcome }, k) => {
    const pixel = frame.at(paths[k][paths[k].length - 1]);
    const failed = outcome === "crashed" || outcome === "late";
    context.beginPath();
    if (failed) cross(context, pixel, 4);
    else context.arc(...pixel, 3.5, 0, 2 * Math.PI);
    if (failed) context.stroke();
    else context.fill();
  });
  const [x, y] = frame.at(scene.goal);
  write(context, stage, "goal", [x, y - rules.goal_radius * frame.scale - 11]);
  write(context, stage, "tree", frame.at(scene.tree));
  const [ax, ay] = paths[0][paths[0].length - 1];
  if (hint && walking.has(crew.agents[0])) write(context, stage, "push me", [frame.at([ax, ay])[0], frame.at([ax, ay])[1] + 24]);
}

/** Where an agent has been; between two steps the last one is on its way. @param {Agent} agent @param {number} part @returns {Point[]} */
function shown({ places: been }, part) {
  const path = been.slice();
  const [to, from] = [path[path.length - 1], path[path.length - 2]];
  if (part < 1 && from) path[path.length - 1] = [from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1])];
  return path;
}

/** The ways on which agents were put elsewhere. @param {CanvasRenderingContext2D} context @param {Frame} frame @param {Record<string, any>} roles @param {Agent[]} agents @param {string} ink */
function drawPushes(context, frame, roles, agents, ink) {
  takePen(context, { ...roles.expert, color: ink }, { dash: "dot", width: agents.length > 1 ? 1 : 2 });
  context.beginPath();
  for (const { places: been, pushed } of agents) {
    for (const k of pushed) if (k) follow(context, frame, [been[k - 1], been[k]]);
  }
  context.stroke();
}

/** What an agent saw when it looked last, what of its plan is still to be done, and what is thrown away. @param {CanvasRenderingContext2D} context @param {Frame} frame @param {Record<string, any>} roles @param {Rules} rules @param {Agent} agent @param {Horizons} horizons @param {number} at @param {boolean} first */
function drawPlan(context, frame, roles, rules, { places: been, plan, looked }, { obs, acted, delay, pred }, at, first) {
  if (at < 0) return;
  const from = been[been.length - 1];
  const end = Math.max(delay + acted, at + 1);
  const ahead = places(from, plan.slice(at + 1, pred - obs + 1), rules);
  const still = end - at; // places of `ahead` that will be reached, the present one included
  takePen(context, roles.diffusion, { alpha: first ? 1 : 0.35, dash: "solid", width: first ? 4 : 2 });
  context.beginPath();
  follow(context, frame, ahead.slice(0, still));
  context.stroke();
  takePen(context, roles.diffusion, { alpha: first ? 0.9 : 0.25, dash: "dot", width: first ? 2 : 1.2 });
  context.beginPath();
  follow(context, frame, ahead.slice(still - 1));
  context.stroke();
  if (!first) return;
  takePen(context, roles.expert, { dash: "solid", width: 2 });
  for (let k = 0; k < obs; k++) {
    const [x, y] = frame.at(been[Math.max(looked - k, 0)]);
    context.beginPath();
    context.arc(x, y, 6, 0, 2 * Math.PI);
    context.stroke();
  }
}

// --- what was counted -------------------------------------------------------------------------------------------------

/** Two small charts over the action horizon, one below the other. @param {Sight & { box: Box, scores: Score[], acted: number, most: number, busy: boolean }} view */
export function drawScores({ context, stage, roles, box, scores, acted, most, busy }) {
  const high = (box.height - 34) / 2;
  const charts = /** @type {const} */ ([
    { title: "arrive, of 100", top: box.top, range: [0, 105], ticks: [0, 50, 100], value: (/** @type {Score} */ s) => (100 * s.arrived) / s.of },
    { title: "turn, degrees a step", top: box.top + high + 34, range: [0, 30], ticks: [0, 10, 20, 30], value: (/** @type {Score} */ s) => Math.min(s.turn, 30) },
  ]);
  for (const { title, top, range, ticks, value } of charts) {
    const frame = makeFrame({ left: box.left, top, width: box.width, height: high }, [0.3, 16.7], /** @type {any} */ (range), false);
    takePen(context, roles.expert, { alpha: 0.4, width: 1, dash: "solid" });
    context.beginPath();
    for (const tick of ticks) follow(context, frame, [[0.3, tick], [16.7, tick]]);
    context.stroke();
    for (const tick of ticks) write(context, stage, String(tick), [box.left - 6, frame.at([0, tick])[1]], { align: "right" });
    const dots = scores.map((score) => /** @type {Point} */ ([score.acted, value(score)]));
    takePen(context, roles.diffusion, { width: 1.5 });
    context.beginPath();
    follow(context, frame, dots);
    context.stroke();
    for (const dot of dots) {
      context.beginPath();
      context.arc(...frame.at(dot), dot[0] === acted ? 5 : 3.5, 0, 2 * Math.PI);
      context.fill();
    }
    takePen(context, { ...roles.expert, color: stage.ink }, { alpha: scores.length ? 0.6 : 0, dash: "dot", width: 1.5 });
    context.beginPath();
    follow(context, frame, [[acted, range[0]], [acted, range[1]]]);
    context.stroke();
    write(context, stage, title, [box.left, top - 10], { align: "left", bold: true });
  }
  const under = box.top + box.height + 12;
  const across = makeFrame({ ...box, height: 1 }, [0.3, 16.7], [0, 1], false);
  for (const tick of [1, 4, 8, 12, 16]) write(context, stage, String(tick), [across.at([tick, 0])[0], under]);
  write(context, stage, "actions done before the next look", [box.left + box.width / 2, under + 18]);
  if (!scores.length) write(context, stage, busy ? "counting …" : "press Measure", [box.left + box.width / 2, box.top + high / 2]);
  if (most < 16) write(context, stage, `at most ${most} here`, [box.left + box.width, box.top - 10], { align: "right" });
}
