// A pad to drop points and draw strokes on. Pure functions first (plain arrays in and out), then the view.
// The model is the only memory that views share: [x, y] pairs in data units, y up.
/** @typedef {{scaleX: number, scaleY: number, originX: number, originY: number, xRange: Point, yRange: Point}} Frame */

/** Where data lies on a screen of width x height, y down, with `margin` = [left, right, top, bottom].
    @type {(width: number, height: number, x: Point, y: Point, equal: boolean, margin: number[]) => Frame} */
export function makeFrame(width, height, [left, right], [low, high], equal, margin) {
  const [roomX, roomY] = [width - margin[0] - margin[1], height - margin[2] - margin[3]];
  let [scaleX, scaleY] = [roomX / (right - left), roomY / (high - low)];
  if (equal) scaleX = scaleY = Math.min(scaleX, scaleY);
  const originX = margin[0] + (roomX - scaleX * (right - left)) / 2 - scaleX * left;
  const originY = margin[2] + (roomY + scaleY * (high - low)) / 2 + scaleY * low;
  return { scaleX, scaleY, originX, originY, xRange: [left, right], yRange: [low, high] };
}

/** @param {Frame} frame @param {Point} point @returns {Point} */
export function toScreen(frame, [x, y]) {
  return [frame.originX + frame.scaleX * x, frame.originY - frame.scaleY * y];
}

/** Within the ranges, and to six digits: more would be noise of the pixel grid.
    @param {Frame} frame @param {Point} place @returns {Point} */
export function toData(frame, [u, v]) {
  const within = (value, [low, high]) => Math.min(high, Math.max(low, Number(value.toPrecision(6))));
  const [x, y] = [(u - frame.originX) / frame.scaleX, (frame.originY - v) / frame.scaleY];
  return [within(x, frame.xRange), within(y, frame.yRange)];
}

function distanceToSegment([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length2 = dx * dx + dy * dy;
  const s = length2 ? Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length2)) : 0;
  return Math.hypot(x - x0 - s * dx, y - y0 - s * dy);
}

/** The fewest of the points that keep the polyline within `tolerance` (Ramer, Douglas and Peucker); ends stay.
    @param {Point[]} points @param {number} tolerance @returns {Point[]} */
export function simplify(points, tolerance) {
  if (points.length < 3) return points;
  const [first, last] = [points[0], points[points.length - 1]];
  let [worst, index] = [0, 0];
  for (let i = 1; i < points.length - 1; i++) {
    const distance = distanceToSegment(points[i], first, last);
    if (distance > worst) [worst, index] = [distance, i];
  }
  if (worst <= tolerance) return [first, last];
  return [...simplify(points.slice(0, index + 1), tolerance).slice(0, -1), ...simplify(points.slice(index), tolerance)];
}

/** @param {unknown[]} points @param {unknown[]} strokes @returns {string} */
export function say(points, strokes) {
  const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
  return [points.length && count(points.length, "point"), strokes.length && count(strokes.length, "stroke")]
    .filter(Boolean).join(", ") || "Nothing drawn yet";
}

const DASHES = { dot: "1.5 3.5", dash: "8 5", longdash: "12 5", dashdot: "8 4 2 4" };
const MARKS = {
  circle: "M-1,0a1,1 0 1,0 2,0a1,1 0 1,0 -2,0Z",
  square: "M-0.9,-0.9H0.9V0.9H-0.9Z",
  diamond: "M0,-1.3L1.3,0L0,1.3L-1.3,0Z",
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SCENE = ["mode", "x_range", "y_range", "equal", "background", "label", "x_label", "y_label", "width", "height"];
const HELP = {
  points: "Click or tap to drop a point. By keyboard: arrows (Shift: farther), Enter drops, Backspace undoes.",
  strokes: "Press and drag to draw. By keyboard: arrows (Shift: farther), Enter starts and ends, Escape cancels.",
};
const [STEP, BIG_STEP, TOLERANCE] = [5, 25, 0.8]; // pixels

function add(parent, tag, attributes = {}, text = "") {
  const svg = parent.namespaceURI.endsWith("svg") || tag === "svg";
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  parent.append(node);
  return node;
}

const asPoints = (places) => places.map((place) => place.map((c) => c.toFixed(1)).join()).join(" ");
const asWords = (point) => point.map((c) => Number(c.toPrecision(3))).join(", ");

/** One way to draw each kind of shape in a role's look; `at` maps data to the screen. */
const DRAW = {
  dots(layer, role, points, at, size) {
    const open = role.symbol.endsWith("-open");
    const paint = open ? { fill: "none", stroke: role.color, "stroke-width": 2 } : { fill: role.color };
    const d = MARKS[role.symbol.replace("-open", "")];
    for (const point of points) {
      const transform = `translate(${asPoints([at(point)])}) scale(${size || 3.5})`;
      add(layer, "path", { d, transform, "vector-effect": "non-scaling-stroke", ...paint });
    }
  },
  path(layer, role, points, at) {
    const dashes = { "stroke-dasharray": DASHES[role.dash] ?? "none", "stroke-linejoin": "round" };
    const line = { points: asPoints(points.map(at)), fill: "none", stroke: role.color, "stroke-width": role.width };
    add(layer, "polyline", { ...line, ...dashes });
  },
  join(layer, _role, points, at) {
    add(layer, "polyline", { points: asPoints(points.map(at)), class: "join", fill: "none" });
  },
  disc(layer, role, [[x, y]], at, radius) {
    const [[cx, cy], [right, top]] = [at([x, y]), at([x + radius, y + radius])];
    const look = { fill: role.color, "fill-opacity": 0.2, stroke: role.color, "stroke-width": role.width };
    add(layer, "ellipse", { cx, cy, rx: right - cx, ry: cy - top, ...look });
  },
};

function drawAxes(layer, frame, xLabel, yLabel) {
  const [[left, right], [low, high]] = [frame.xRange, frame.yRange];
  const [[u0, v0], [u1, v1]] = [toScreen(frame, [left, low]), toScreen(frame, [right, high])];
  const write = (text, x, y, anchor, turn = 0) =>
    add(layer, "text", { x, y, "text-anchor": anchor, transform: `rotate(${turn} ${x} ${y})` }, String(text));
  add(layer, "polyline", { points: asPoints([[u0, v1], [u0, v0], [u1, v0]]), fill: "none", stroke: "#808080" });
  if (xLabel) {
    write(left, u0, v0 + 17, "start");
    write(xLabel, (u0 + u1) / 2, v0 + 17, "middle");
    write(right, u1, v0 + 17, "end");
  }
  if (yLabel) {
    write(low, u0 - 6, v0, "end");
    write(yLabel, u0 - 12, (v0 + v1) / 2, "middle", -90);
    write(high, u0 - 6, v1 + 10, "end");
  }
}

/** The picture: layers in one SVG, each redrawn whole from what the model holds. */
function makeStage(svg, get) {
  const layers = {};
  for (const name of ["scene", "truth", "drawing", "cursor"]) layers[name] = add(svg, "g", { class: name });
  /** @type {Record<string, any>} */ const stage = {};
  const at = (point) => toScreen(stage.frame, point);
  const fill = (layer, shapes) => {
    layer.replaceChildren();
    for (const { kind, role, points, radius } of shapes) DRAW[kind](layer, get("_roles")[role], points, at, radius);
  };
  stage.drawScene = () => {
    const margin = [get("y_label") ? 44 : 10, 10, 10, get("x_label") ? 26 : 10];
    stage.frame = makeFrame(get("width"), get("height"), get("x_range"), get("y_range"), get("equal"), margin);
    svg.setAttribute("viewBox", `0 0 ${get("width")} ${get("height")}`);
    svg.setAttribute("aria-label", get("label"));
    fill(layers.scene, get("background"));
    if (get("x_label") || get("y_label")) drawAxes(layers.scene, stage.frame, get("x_label"), get("y_label"));
  };
  stage.drawTruth = () => fill(layers.truth, get("truth"));
  stage.drawDrawing = (stroke) => {
    const role = get("_roles").prediction;
    layers.drawing.replaceChildren();
    for (const line of get("strokes")) DRAW.path(layers.drawing, role, line, at);
    if (stroke) DRAW.path(layers.drawing, role, stroke.places, (place) => place);
    DRAW.dots(layers.drawing, role, get("points"), at, 6);
  };
  stage.drawCursor = ([u, v]) => {
    layers.cursor.replaceChildren();
    add(layers.cursor, "path", { d: `M${u - 9},${v}h18M${u},${v - 9}v18` });
  };
  return stage;
}

/** @param {View} view */
function render({ model, el }) {
  const life = new AbortController();
  const get = (name) => model.get(name);
  const root = add(el, "div", { class: "dilviz dilviz-pad", "data-lm-suppress-shortcuts": "true" });
  const svg = add(root, "svg", { tabindex: 0, role: "application", "aria-roledescription": "drawing pad" });
  const tools = add(root, "div", { class: "tools" });
  const undoButton = add(tools, "button", { type: "button" }, "Undo");
  const clearButton = add(tools, "button", { type: "button" }, "Clear");
  const status = add(tools, "span", { role: "status" });
  const caption = add(root, "p", { class: "truth-caption", role: "status" });
  const help = add(root, "p", { id: `dilviz-help-${Math.random().toString(36).slice(2)}` });
  svg.setAttribute("aria-describedby", help.id);

  const stage = makeStage(svg, get);
  /** @type {Point} */ let cursor; // in pixels of the drawing, as all places are
  /** @type {{ pointer: number | "keyboard", places: Point[] } | null} */ let stroke = null; // being drawn

  function redraw() {
    stage.drawDrawing(stroke);
    undoButton.setAttribute("aria-disabled", !stroke && !get(get("mode")).length);
    clearButton.setAttribute("aria-disabled", !get("points").length && !get("strokes").length);
  }
  function showScene() {
    root.style.maxWidth = `${get("width")}px`;
    help.textContent = HELP[get("mode")];
    stage.drawScene();
    cursor = snap(cursor ?? [get("width") / 2, get("height") / 2]);
    stage.drawCursor(cursor);
    showTruth();
    redraw();
  }
  function showTruth() {
    stage.drawTruth();
    caption.textContent = get("caption");
  }
  function showDrawing() {
    status.textContent = say(get("points"), get("strokes"));
    redraw();
  }
  function commit(changes, message) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    status.textContent = message; // after the change event, which says only how much there is
  }

  const dataOf = (place) => toData(stage.frame, place);
  const snap = (place) => toScreen(stage.frame, dataOf(place)); // to where a point can be
  function drop(place) {
    const [points, point] = [get("points"), dataOf(place)];
    const full = points.length >= get("max_points");
    if (full) status.textContent = `All ${points.length} points are placed. Undo one to move it.`;
    else commit({ points: [...points, point] }, `Point ${points.length + 1} at ${asWords(point)}`);
  }
  function begin(pointer, place) {
    stroke = { pointer, places: [place] };
    status.textContent = "Stroke begun";
    redraw();
  }
  function extend(place) {
    stroke?.places.push(place);
    redraw();
  }
  function end() {
    const points = simplify(stroke?.places ?? [], TOLERANCE).map(dataOf);
    const still = points.every((point) => String(point) === String(points[0]));
    if (still) return cancel("A stroke needs two ends: drag, or move by arrows");
    stroke = null;
    const strokes = [...get("strokes"), points];
    commit({ strokes }, `Stroke ${strokes.length} drawn`);
  }
  function cancel(message = "Stroke cancelled") {
    stroke = null;
    status.textContent = message;
    redraw();
  }
  function undo() {
    const name = get("mode");
    if (stroke) cancel();
    else if (get(name).length) commit({ [name]: get(name).slice(0, -1) }, `Last ${name.slice(0, -1)} removed`);
  }
  function clear() {
    stroke = null;
    commit({ points: [], strokes: [] }, "Cleared");
  }

  function placeOf(event) {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return snap([place.x, place.y]);
  }
  function moveCursor([dx, dy], step) {
    cursor = snap([cursor[0] + dx * step, cursor[1] + dy * step]);
    stage.drawCursor(cursor);
    if (stroke) extend(cursor);
    status.textContent = asWords(dataOf(cursor));
  }
  function enter() {
    if (get("mode") === "points") drop(cursor);
    else if (stroke) end();
    else begin("keyboard", cursor);
  }
  function press(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    cursor = placeOf(event);
    stage.drawCursor(cursor);
    if (get("mode") === "points") return drop(cursor);
    svg.setPointerCapture(event.pointerId);
    begin(event.pointerId, cursor);
  }
  const KEYS = { Enter: enter, " ": enter, Backspace: undo, Delete: undo, Escape: () => stroke && cancel() };
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in ARROWS || event.key in KEYS)) return;
    event.preventDefault();
    if (event.key in ARROWS) moveCursor(ARROWS[event.key], event.shiftKey ? BIG_STEP : STEP);
    else KEYS[event.key]();
  }

  const listen = (node, type, handle) => node.addEventListener(type, handle, { signal: life.signal });
  const whileDrawing = (handle) => (event) => stroke?.pointer === event.pointerId && handle(event);
  listen(root, "keydown", (event) => event.stopPropagation()); // a notebook would take arrows and letters as commands
  listen(svg, "keydown", key);
  listen(svg, "pointerdown", press);
  listen(svg, "pointermove", whileDrawing((event) => extend(placeOf(event))));
  listen(svg, "pointerup", whileDrawing(end));
  listen(svg, "pointercancel", whileDrawing(() => cancel()));
  listen(undoButton, "click", undo);
  listen(clearButton, "click", clear);

  const shown = { points: showDrawing, strokes: showDrawing, truth: showTruth, caption: showTruth };
  for (const name of SCENE) shown[name] = showScene;
  for (const [name, show] of Object.entries(shown)) model.on(`change:${name}`, show);
  showScene();
  showDrawing();
  return () => {
    life.abort();
    for (const [name, show] of Object.entries(shown)) model.off(`change:${name}`, show);
  };
}

export default { render };
