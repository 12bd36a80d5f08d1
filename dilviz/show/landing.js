// Landings, replayed at the browser's own pace. Pure functions first (plain arrays in and out), then the view.
// Scenes are in pixels of Gymnasium's picture of 600 x 400: x from its middle, y from where a lander stands, y up.
/** @typedef {{ left: number, right: number, top: number, low: number }} Box */
/** @typedef {{ dx: number, dy: number, away: number, price: number }} Spot */
/** @typedef {{ x: number, y: number, radius: number, width: number, height: number }} Labelled */

const SVG = "http://www.w3.org/2000/svg";
const STEPS_PER_SECOND = 50;
const WORLD = [300, 200]; // a state counts halves of that picture
const GROUND = -19; // under a lander that stands
const [LOW, HIGH, TALLEST] = [-108, 322, 420]; // what is seen of the scene; greatest height on the page
const HULL = "-14,17 -17,0 -17,-10 17,-10 17,0 14,17";
const LEGS = "M-13,-6L-27,-17m-4,0h8M13,-6L27,-17m4,0h-8";
const PADDING = 3; // of a label
const DASHES = { dot: "1.5 3.5", dash: "8 5", longdash: "12 5", dashdot: "8 4 2 4" };
const SPEEDS = [["¼", 0.25], ["½", 0.5], ["1", 1], ["2", 2], ["4", 4]];
// Where a label may stand: direction from its lander, how many label heights away, and what that costs.
const SIDES = [[1, 0], [-1, 0], [1, -1], [-1, -1], [0, -1], [1, 1], [-1, 1]];
const SPOTS = [0, 1, 2, 3].flatMap((away) => SIDES.map(([dx, dy], k) => ({ dx, dy, away, price: 20 * away + 4 * k })));
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Where a lander is at a step, which may lie between two states; before the first and after the last it stands.
    @param {number[][]} states @param {number} step @returns {number[]} */
export function stateAt(states, step) {
  const i = clamp(Math.floor(step), 0, states.length - 1);
  const [from, to] = [states[i], states[Math.min(i + 1, states.length - 1)]];
  return from.map((value, k) => value + clamp(step - i, 0, 1) * (to[k] - value));
}

/** Polygons of the flames in a lander's own frame: the main engine's below, a side engine's where it pushes from.
    @param {Point} engines each from 0 to 1, the side engine's with its sign @returns {Point[][]} */
export function flames([main, side]) {
  const back = -Math.sign(side);
  /** @type {Point[][]} */ const jets = [];
  if (main) jets.push([[-6, -11], [6, -11], [0, -11 - 30 * main]]);
  if (side) jets.push([[17 * back, 8], [17 * back, 14], [17 * back - 18 * side, 11]]);
  return jets;
}

/** How the scene lies on a page so many pixels wide: in the middle, as large as fits. @param {number} width */
export function makeFrame(width) {
  const scale = Math.min(width / (2 * WORLD[0]), TALLEST / (HIGH - LOW));
  /** @type {(place: number[]) => Point} */
  const at = ([x, y]) => [width / 2 + scale * WORLD[0] * x, scale * (HIGH - WORLD[1] * y)];
  return { scale, at, left: 0, right: width, top: 0, low: scale * (HIGH - LOW) };
}

function boxAround(x, y, width, height) {
  return { left: x - width / 2, right: x + width / 2, top: y - height / 2, low: y + height / 2 };
}

/** The area that a box shares with others. */
function covered(box, others) {
  const shared = (from, to, other) => Math.max(Math.min(box[to], other[to]) - Math.max(box[from], other[from]), 0);
  return others.reduce((sum, other) => sum + shared("left", "right", other) * shared("top", "low", other), 0);
}

/** A box for each label, beside its lander {x, y, radius, width, height}, clear of all landers and other labels, and of
    the boxes in `avoid` where that costs little; `before` is what the last call gave: a label moves for good reason.
    @param {Labelled[]} landers @param {Box} page @param {Box[]} avoid @param {(Box & { spot: Spot })[]} before
    @returns {(Box & { spot: Spot, cost: number })[]} */
export function placeLabels(landers, page, avoid = [], before = []) {
  const middle = landers.reduce((sum, { x }) => sum + x / landers.length, 0);
  const taken = landers.map(({ x, y, radius }) => boxAround(x, y, 2 * radius, 2 * radius));
  const offMiddle = (k) => Math.abs(landers[k].x - middle);
  /** @type {(Box & { spot: Spot, cost: number })[]} */ const placed = [];
  for (const k of [...landers.keys()].sort((a, b) => offMiddle(b) - offMiddle(a))) {
    const { x, y, radius, width, height } = landers[k];
    const offers = SPOTS.map((spot) => {
      const reach = radius + 3 + spot.away * height;
      const box = boxAround(x + spot.dx * (reach + width / 2), y + spot.dy * (reach + height / 2), width, height);
      const lost = width * height - covered(box, [page]) + covered(box, taken);
      const crossing = spot.dx * clamp(middle - x, -30, 30); // on the others' side its line would meet theirs
      const behind = placed.some((other) => other.spot.dx === spot.dx && other.spot.dy === spot.dy);
      const [hides, stays] = [3 * lost + 0.07 * covered(box, avoid), before[k]?.spot === spot];
      return { ...box, spot, cost: hides + crossing + 40 * Number(behind) + spot.price - 30 * Number(stays) };
    });
    placed[k] = offers.reduce((best, offer) => (offer.cost < best.cost ? offer : best));
    taken.push(placed[k]);
  }
  return placed;
}

const asPoints = (places) => places.map((place) => place.map((c) => c.toFixed(1)).join()).join(" ");

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

function add(parent, tag, attributes = {}, text = "") {
  const node = document.createElementNS(tag === "svg" ? SVG : parent.namespaceURI, tag);
  set(node, attributes);
  node.textContent = text;
  return parent.appendChild(node);
}

/** The ground, fading out where the moon ends, and the pad between its flags; returns the boxes that they fill. */
function drawMoon(layer, { ground, pad }, { at, right: width, low }) {
  const line = ground.map(at);
  const ends = [[width + 2, line.at(-1)[1]], [width + 2, low + 2], [-2, low + 2], [-2, line[0][1]]];
  const edge = (100 * line[0][0]) / width;
  const mask = `mask-image: linear-gradient(to right, transparent, #000 ${edge}% ${100 - edge}%, transparent)`;
  add(layer, "polygon", { points: asPoints([...line, ...ends]), class: "ground", style: mask });
  /** @type {(place: number[]) => Point} */
  const place = ([x, y]) => at([x / WORLD[0], (GROUND + y) / WORLD[1]]);
  const flags = pad.map((x) => WORLD[0] * x).map((x) => [[x, 0], [x, 50], [x + 18, 44], [x, 38]].map(place));
  add(layer, "polyline", { points: asPoints([...[...flags[0]].reverse(), ...flags[1]]), class: "pad", fill: "none" });
  const soil = line.slice(1).map(([right, v], k) => ({ left: line[k][0], right, top: Math.min(v, line[k][1]), low }));
  return [...soil, ...flags.map(([[left, foot], [, top], [right]]) => ({ left, right, top, low: foot }))];
}

/** One lander with its trail and its label. */
function makeLander(layers, track, role, frame) {
  const [places, last] = [track.states.map(frame.at), track.engines.length];
  const line = { fill: "none", stroke: role.color, "stroke-dasharray": DASHES[role.dash] ?? "none" };
  add(layers.trails, "polyline", { ...line, points: asPoints(places), opacity: 0.7 });
  const flown = add(layers.trails, "polyline", { ...line, "stroke-width": role.width });
  const leader = add(layers.trails, "line", { stroke: role.color });
  const craft = add(layers.landers, "g", { "data-role": track.role, stroke: role.color, fill: role.color });
  const fire = add(craft, "g", { stroke: "none", "fill-opacity": 0.55 });
  add(craft, "path", { d: LEGS, "stroke-width": 2.5, "stroke-linecap": "round" });
  add(craft, "polygon", { ...line, points: HULL, fill: role.color, "fill-opacity": 0.3, "stroke-width": role.width });
  if (role.symbol.startsWith("square")) add(craft, "rect", { x: -4, y: -2, width: 8, height: 8 });
  else add(craft, "circle", { cy: 2, r: 2.5 * role.width });
  const label = add(layers.labels, "g", { "data-role": track.role });
  const name = add(label, "text", {}, track.role);
  const verdict = add(label, "text", { class: "verdict", dy: 16 }, track.says);
  const [short, long] = [name, verdict].map((text) => text.getComputedTextLength() + 2 * PADDING);
  const lander = { radius: 26 * frame.scale, x: 0, y: 0, width: 0, height: 0 };
  lander.move = (step) => {
    const [now, flying] = [Math.floor(step), step < last];
    const [x, y, , , angle] = stateAt(track.states, step);
    const [u, v] = frame.at([x, y]);
    Object.assign(lander, { x: u, y: v, width: flying ? short : Math.max(short, long), height: flying ? 22 : 38 });
    verdict.textContent = flying ? "" : track.says;
    const place = `translate(${u} ${v}) scale(${frame.scale} ${-frame.scale}) rotate(${(angle * 180) / Math.PI})`;
    set(craft, { transform: place, "data-x": x.toFixed(4), "data-y": y.toFixed(4) });
    set(flown, { points: asPoints([...places.slice(0, now + 1), [u, v]]) });
    fire.replaceChildren();
    for (const jet of flying ? flames(track.engines[now]) : []) add(fire, "polygon", { points: asPoints(jet) });
  };
  lander.moveLabel = ({ left, right, top, low }) => {
    set(label, { transform: `translate(${left + PADDING} ${top + 12 + PADDING})` });
    const [du, dv] = [clamp(lander.x, left, right) - lander.x, clamp(lander.y, top, low) - lander.y];
    const far = Math.hypot(du, dv);
    const from = far > lander.radius + 12 ? (0.6 * lander.radius) / far : 1; // a label that is near needs no line
    set(leader, { x1: lander.x + from * du, y1: lander.y + from * dv, x2: lander.x + du, y2: lander.y + dv });
  };
  return lander;
}

function makeControls(root) {
  const bar = add(root, "div", { class: "tools" });
  const button = add(bar, "button", { type: "button", "aria-label": "Play" }, "▶ Play");
  const slider = add(bar, "input", { type: "range", min: 0, step: 1, "aria-label": "time" });
  const clock = add(bar, "span", { class: "clock" });
  const speeds = add(bar, "div", { class: "speeds", role: "radiogroup", "aria-label": "speed" }, "speed");
  const group = `dilviz-speed-${Math.random().toString(36).slice(2)}`;
  for (const [name, value] of SPEEDS) {
    const choice = add(speeds, "label");
    add(choice, "input", { type: "radio", name: group, value, "aria-label": `${name} times` }).checked = value === 1;
    add(choice, "span", {}, `${name}×`);
  }
  return { button, slider, clock, speed: () => Number(speeds.querySelector(":checked").value) };
}

/** @param {View} view */
function render({ model, el }) {
  const life = new AbortController();
  const root = add(el, "div", { class: "dilviz dilviz-landing", "data-lm-suppress-shortcuts": "true" });
  const svg = add(root, "svg", { role: "img" });
  const { button, slider, clock, speed } = makeControls(root);
  const caption = add(root, "p", { "aria-live": "polite" });
  let [step, last] = [0, 0];
  /** @type {ReturnType<typeof makeLander>[]} */ let landers = [];
  /** @type {ReturnType<typeof placeLabels>} */ let boxes = [];
  /** @type {Box[]} */ let avoid = [];
  /** @type {ReturnType<typeof makeFrame>} */ let frame;
  let fresh = true; // what is seen is a glimpse that no hand has chosen: Play begins at the start
  let timer = 0; // of the next frame while it plays

  function show(at) {
    step = Math.min(at, last);
    for (const lander of landers) lander.move(step);
    boxes = placeLabels(landers, frame, avoid, boxes);
    landers.forEach((lander, k) => lander.moveLabel(boxes[k]));
    slider.value = Math.round(step);
    clock.textContent = [step, last].map((steps) => `${(steps / STEPS_PER_SECOND).toFixed(1)} s`).join(" of ");
    slider.setAttribute("aria-valuetext", clock.textContent);
  }
  function draw() {
    frame = makeFrame(svg.clientWidth);
    set(svg, { viewBox: `0 0 ${frame.right} ${frame.low}`, style: `height: ${frame.low}px` });
    svg.replaceChildren();
    const names = ["moon", "trails", "landers", "labels"];
    const layers = Object.fromEntries(names.map((name) => [name, add(svg, "g", { class: name })]));
    const { tracks, ...moon } = model.get("scene");
    const beads = tracks.flatMap(({ states }) => states.filter((_, i) => i % 10 === 0).map(frame.at));
    avoid = [...drawMoon(layers.moon, moon, frame), ...beads.map(([x, y]) => boxAround(x, y, 10, 10))];
    landers = tracks.map((track) => makeLander(layers, track, model.get("_roles")[track.role], frame));
    show(step);
  }
  function begin() {
    const lengths = model.get("scene").tracks.map(({ engines }) => engines.length);
    last = slider.max = Math.max(...lengths);
    fresh = !timer;
    [step, boxes] = [fresh ? Math.round(0.38 * Math.min(...lengths)) : 0, []];
    if (svg.clientWidth) draw(); // else it is not on the page yet
  }
  function describe() {
    caption.textContent = model.get("caption");
    set(svg, { "aria-label": model.get("caption") });
  }
  function resize() {
    if (svg.clientWidth && svg.clientWidth !== frame?.right) draw();
    // ipywidgets leaves the handle of the seed above without a name, and JupyterLab takes its keys.
    const handles = el.closest(".dilviz-explorer")?.querySelectorAll(".noUi-handle") ?? [];
    for (const handle of handles) set(handle, { "aria-label": "seed", "data-lm-suppress-shortcuts": "true" });
  }
  function pause() {
    cancelAnimationFrame(timer);
    timer = 0;
    [button.textContent, button.ariaLabel] = ["▶ Play", "Play"];
  }
  function play() {
    if (fresh || step >= last) show(0);
    fresh = false;
    [button.textContent, button.ariaLabel] = ["❚❚ Pause", "Pause"];
    let before = performance.now();
    timer = requestAnimationFrame(function advance(now) {
      const passed = clamp((now - before) / 1000, 0, 0.1); // a page that slept goes on where it was
      before = now;
      show(step + STEPS_PER_SECOND * speed() * passed);
      if (step < last) timer = requestAnimationFrame(advance);
      else pause();
    });
  }
  const toggle = () => (timer ? pause() : play());
  function scrub() {
    pause();
    fresh = false;
    show(Number(slider.value));
  }
  function key(event) {
    event.stopPropagation(); // a notebook would take arrows and letters as commands
    if (event.key !== " " || event.target === button) return;
    event.preventDefault(); // on slider and speeds it means what it means on the button
    toggle();
  }
  const inLife = { signal: life.signal };
  button.addEventListener("click", toggle, inLife);
  slider.addEventListener("input", scrub, inLife);
  root.addEventListener("keydown", key, inLife);
  const resized = new ResizeObserver(resize);
  resized.observe(svg);
  const shown = Object.entries({ "change:scene": begin, "change:caption": describe });
  for (const [change, follow] of shown) model.on(change, follow);
  for (const [, follow] of shown) follow();
  return () => {
    life.abort();
    cancelAnimationFrame(timer);
    resized.disconnect();
    for (const [change, follow] of shown) model.off(change, follow);
  };
}

export default { render };
