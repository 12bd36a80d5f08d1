// Receding horizon, live: drag the horizons on their tape, push the agents in the middle of their walk, and count.

import { makePolicy } from "./fork_world.js";
import { countAgents, makeCrew, walkOut } from "./horizon_world.js";
import { drawCrew, drawScores, drawTape, gripOf, tapeFrame } from "./horizon_picture.js";
import { addTransport, calm } from "./clock.js";
import { addButton, addChoice, addHandle, addSlider } from "./controls.js";
import { clamp } from "./numbers.js";
import { makeFrame, openStage } from "./stage.js";

/** @import { Score } from "./horizon_picture.js" */

const WIDE = 640; // pixels from which the tape stands beside the scene
const [STEP, HOLD] = [5, 70]; // sixtieths of a second that a step takes, and that the end is shown
const [TRIALS, FIRST] = [100, 10_000]; // agents that Measure counts at each horizon, and the seed of their first
const TRIED = [1, 2, 4, 8, 12, 16];
const BUSY_MS = 8; // of a frame, for what is counted without being shown
const PUSH = 0.12; // of the button, in units of the square
/** What the state calls the horizons. @type {Record<string, string>} */
const STATE = { obs: "obs_horizon", pred: "pred_horizon", acted: "action_horizon", delay: "delay" };
/** @type {Point} */
const SEEN_X = [0.02, 0.98];
/** @type {Point} */
const SEEN_Y = [-0.02, 1.04];

/** @param {number} width */
function arrange(width) {
  const wide = width >= WIDE;
  const side = wide ? Math.min(0.46 * width, 400) : width;
  const left = wide ? side + 90 : 62;
  const across = width - left - 16;
  const tape = { left, top: wide ? 24 : side * 1.1 + 26, width: across, height: 128 };
  const scores = { left, top: tape.top + tape.height + 44, width: across, height: wide ? Math.max(1.1 * side - 258, 150) : 190 };
  return { scene: { left: 0, top: 0, width: side, height: 1.1 * side }, tape, scores, height: Math.max(wide ? 1.1 * side : 0, scores.top + scores.height + 42) };
}

/** @param {View} view */
function render({ model, el }) {
  const get = (/** @type {string} */ name) => model.get(name);
  const stage = openStage({ model, el, label: get("label"), height: (width) => arrange(width).height });
  const [roles, rules, scene, bounds] = ["roles", "rules", "place", "bounds"].map(get);
  const policies = Object.fromEntries(Object.entries(get("policies")).map(([seen, packed]) => [seen, makePolicy(packed)]));
  const first = Object.fromEntries(Object.keys(bounds).map((name) => [name, get(name)]));
  const horizons = () => ({ obs: get("obs_horizon"), pred: get("pred_horizon"), acted: get("action_horizon"), delay: get("delay") });
  const most = () => get("pred_horizon") - get("obs_horizon") + 1 - get("delay"); // actions that are predicted, and not past
  /** What Measure has counted: for each setting but the action horizon, by that. @type {Map<string, Map<number, Score>>} */
  const counted = new Map();
  const setting = () => [get("obs_horizon"), get("delay"), get("wind")].join();
  const scores = () => [...(counted.get(setting())?.values() ?? [])].sort((a, b) => a.acted - b.acted);

  let [wave, left, held] = [0, STEP, 0];
  let [holding, fitting, told, hint] = [false, false, false, true];
  /** The horizons before the present drag: what gave way comes back when there is room again. @type {ReturnType<typeof horizons> | null} */
  let before = null;
  let crew = newCrew();
  /** @type {{ acted: number, crew: ReturnType<typeof makeCrew>, setting: string }[]} */
  let queue = []; // what Measure has still to count
  let busy = 0;

  function crewOf(/** @type {number} */ acted, /** @type {number[]} */ seeds) {
    const how = { steps: get("steps"), acted, delay: get("delay"), wind: get("wind") };
    return makeCrew(policies[get("obs_horizon")], scene, rules, how, seeds);
  }
  function newCrew() {
    const from = get("seed") + wave * get("agents");
    return crewOf(get("action_horizon"), Array.from({ length: get("agents") }, (_, k) => from + k));
  }
  /** @param {number} acted @param {string} where @param {ReturnType<typeof countAgents>} count */
  function note(acted, where, { arrived, of, turn }) {
    counted.set(where, (counted.get(where) ?? new Map()).set(acted, { acted, arrived, of, turn }));
  }
  /** Count what is in the queue, some milliseconds a frame. */
  function work() {
    const until = performance.now() + BUSY_MS;
    while (queue.length && performance.now() < until) {
      const [job] = queue;
      job.crew.step();
      if (job.crew.active().length) continue;
      note(job.acted, job.setting, countAgents(job.crew.agents));
      queue.shift();
    }
    busy = queue.length ? requestAnimationFrame(work) : 0;
    if (!busy) report();
    describe();
  }
  function measure() {
    counted.delete(setting());
    const seeds = Array.from({ length: TRIALS }, (_, k) => FIRST + k);
    queue = TRIED.filter((acted) => acted <= most()).map((acted) => ({ acted, crew: crewOf(acted, seeds), setting: setting() }));
    if (!busy) work();
  }
  function report() {
    stage.set({ measured: scores().map(({ acted, arrived, of, turn }) => ({ acted, arrived, of, turn })) });
    stage.say(stage.words.textContent ?? "");
  }

  function describe() {
    const text = say();
    if (text !== stage.words.textContent) stage.words.textContent = text;
    stage.redraw();
  }
  function say() {
    const { left: l, right: r, failed, of, turn } = countAgents(crew.agents);
    const still = of - l - r - failed;
    const blind = crew.unaware && still ? ` Pushed: ${crew.blind ? `${crew.blind} more steps before anybody looks` : "the next step begins with a look"}.` : "";
    const ends = `${l} left, ${r} right, ${failed} failed${still ? `, ${still} on the way` : ""}`;
    const counts = scores().map(({ acted, arrived }) => `${arrived} at ${acted}`);
    const sum = queue.length ? ` Counting: ${queue.length} horizons left.` : counts.length ? ` Measured, of ${TRIALS} arrive ${counts.join(", ")} actions done.` : "";
    return `${ends}. ${crew.looks} looks in ${longest()} steps; from one action to the next the direction turns by ${turn.toFixed(0)} degrees.${blind}${sum}`;
  }
  function finish() {
    const count = countAgents(crew.agents);
    stage.set({ score: { left: count.left, right: count.right, failed: count.failed } });
    describe();
    if (!told) stage.say(stage.words.textContent ?? "");
    told = true;
  }
  /** @param {number} frames */
  function tick(frames) {
    if (holding) return true;
    if (!crew.active().length) {
      held += frames;
      return held < HOLD;
    }
    for (left -= frames; left <= 0 && crew.active().length; left += STEP) crew.step();
    if (!crew.active().length) finish();
    describe();
    return true;
  }
  function rewind() {
    wave += 1;
    begin();
  }
  function begin() {
    [crew, left, held] = [newCrew(), STEP, 0];
    describe();
  }
  /** @param {number} to a step */
  function seek(to) {
    const pushed = crew.agents.some((agent) => agent.pushed.length);
    if (to < crew.agents[0].actions.length || pushed) begin();
    while (longest() < to && crew.active().length) crew.step();
    describe();
  }
  const longest = () => Math.max(...crew.agents.map(({ actions }) => actions.length));
  function restart() {
    [wave, told] = [0, false];
    begin();
    if (clock.playing) return;
    walkOut(crew);
    finish();
  }
  /** Horizons that fit: what is done must be predicted. @param {Record<string, number>} change */
  function fit(change) {
    const wanted = { ...(before ?? horizons()), ...change };
    const ahead = get("ahead");
    wanted.obs = clamp(Math.round(wanted.obs), 1, Object.keys(policies).length);
    const longest = wanted.obs - 1 + ahead;
    const shortest = "pred" in change ? 1 : wanted.delay + wanted.acted;
    if ("obs" in change) wanted.pred += wanted.obs - (before ?? horizons()).obs;
    wanted.pred = clamp(Math.round(wanted.pred), wanted.obs, longest);
    if (!("pred" in change)) wanted.pred = clamp(Math.max(wanted.pred, wanted.obs - 1 + shortest), wanted.obs, longest);
    const room = wanted.pred - wanted.obs + 1;
    wanted.delay = clamp(Math.round(wanted.delay), 0, Math.min(bounds.delay.high, room - 1));
    wanted.acted = clamp(Math.round(wanted.acted), 1, room - wanted.delay);
    fitting = true; // in between, some are set and others not yet
    stage.set(Object.fromEntries(Object.entries(wanted).map(([name, value]) => [STATE[name], value])));
    fitting = false;
    moved();
  }
  /** The state has changed, here or in Python, where horizons need not fit. */
  function moved() {
    if (fitting) return;
    queue = queue.filter((job) => job.setting === setting()); // what is counted is what is shown
    if (get("action_horizon") > most()) fit({});
    else restart();
  }

  const clock = addTransport(stage, {
    tick,
    rewind,
    length: () => rules.max_steps + 1,
    at: longest,
    seek,
    says: () => `step ${longest()}, ${crew.looks} looks`,
    loop: true,
    label: "step",
  });
  addSlider(stage, "wind", { label: "wind", low: 0, high: bounds.wind.high, step: 0.005, show: (value) => value.toFixed(3) });
  addChoice(stage, "agents", "agents", bounds.agents.options.map((/** @type {number} */ n) => [n, String(n)]));
  addSlider(stage, "seed", { label: "seed", low: 0, high: bounds.seed.high });
  addButton(stage, "Push", () => push(outward));
  addButton(stage, "Measure", measure);
  addButton(stage, "Reset", () => stage.set(first));

  const sceneFrame = () => makeFrame(arrange(stage.width).scene, SEEN_X, SEEN_Y);
  const head = () => crew.agents[0].places[crew.agents[0].places.length - 1];
  /** Away from the tree. @param {Point} place @returns {Point} */
  function outward([x, y]) {
    const [dx, dy] = [x - scene.tree[0], y - scene.tree[1]];
    const far = PUSH / Math.hypot(dx, dy);
    return [x + far * dx, y + far * dy];
  }
  /** @param {(place: Point) => Point} to */
  function push(to) {
    hint = false;
    crew.push(to);
    if (!holding) crew.settle();
    if (!crew.active().length) finish();
    describe();
  }
  addHandle(stage, {
    name: "agent",
    step: 0.05,
    frame: sceneFrame,
    there: () => !crew.agents[0].outcome,
    place: head,
    says: () => `x ${head()[0].toFixed(2)}, y ${head()[1].toFixed(2)}`,
    move: ([x, y]) => {
      const [dx, dy] = [x - head()[0], y - head()[1]];
      push(([u, v]) => [u + dx, v + dy]);
    },
    drag: (now) => {
      holding = now; // while they are held, time stands still
      if (!now) push((place) => place);
    },
  });
  for (const [name, row, value] of /** @type {[string, string, (x: number) => number][]} */ ([
    ["obs", "sees", (x) => 0.5 - x],
    ["delay", "waits", (x) => x + 0.5],
    ["acted", "does", (x) => x + 0.5 - get("delay")],
    ["pred", "predicts", (x) => x - 0.5 + get("obs_horizon")],
  ])) {
    addHandle(stage, {
      name: `how many steps it ${row}`,
      step: 1,
      frame: () => tapeFrame(arrange(stage.width).tape),
      place: () => gripOf(row, horizons()),
      says: () => String(get(STATE[name])),
      move: ([x]) => fit({ [name]: value(x) }),
      drag: (now) => {
        before = now ? horizons() : null;
      },
    }).classList.add("small");
  }
  stage.onDraw((context) => {
    stage.words.style.minHeight = stage.width < WIDE ? "7em" : "4.2em"; // what stands below shall not jump
    const { scene: box, tape, scores: panel } = arrange(stage.width);
    const view = { context, stage, roles, horizons: horizons() };
    const part = clock.playing && !holding ? clamp(1 - left / STEP, 0, 1) : 1;
    drawCrew({ ...view, frame: makeFrame(box, SEEN_X, SEEN_Y), scene, rules, crew, hint, part });
    drawTape({ ...view, box: tape, at: crew.at });
    drawScores({ ...view, box: panel, scores: scores(), acted: get("action_horizon"), most: most(), busy: queue.length > 0 });
  });
  stage.onChange([...Object.values(STATE), "wind", "agents", "seed"], moved);
  stage.onClose(() => cancelAnimationFrame(busy));
  fit({}); // an address may say what does not fit
  if (!calm()) {
    begin();
    clock.play(true);
  }
  return stage.close;
}

export default { render };
