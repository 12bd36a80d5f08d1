// A pad to drop points and draw strokes on. Pure functions first (plain arrays in and out), then the view.
// The model is the only memory that views share: [x, y] pairs in data units, y up.

/** Where data lies on a screen of width x height, y down, with `margin` = [left, right, top, bottom]. */
export function makeFrame(width, height, [left, right], [low, high], equal, margin) {
  const [roomX, roomY] = [width - margin[0] - margin[1], height - margin[2] - margin[3]];
  let [scaleX, scaleY] = [roomX / (right - left), roomY / (high - low)];
  if (equal) scaleX = scaleY = Math.min(scaleX, scaleY);
  const originX = margin[0] + (roomX - scaleX * (right - left)) / 2 - scaleX * left;
  const originY = margin[2] + (roomY + scaleY * (high - low)) / 2 + scaleY * low;
  return { scaleX, scaleY, originX, originY, xRange: [left, right], yRange: [low, high] };
}

export function toScreen(frame, [x, y]) {
  return [frame.originX + frame.scaleX * x, frame.originY - frame.scaleY * y];
}

/** Within the ranges, and to six digits: more would be noise of the pixel grid. */
export function toData(frame, [u, v]) {
  const within = (value, [low, high]) => Math.min(high, Math.max(low, Number(value.toPrecision(6))));
  return [
    within((u - frame.originX) / frame.scaleX, frame.xRange),
    within((frame.originY - v) / frame.scaleY, frame.yRange),
  ];
}

function distanceToSegment([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length2 = dx * dx + dy * dy;
  const s = length2 ? Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length2)) : 0;
  return Math.hypot(x - x0 - s * dx, y - y0 - s * dy);
}

/** The fewest of the points that keep the polyline within `tolerance` (Ramer, Douglas and Peucker); ends stay. */
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
const STEP = 5, BIG_STEP = 25, TOLERANCE = 0.8; // pixels

function add(parent, tag, attributes = {}, text = "") {
  const svg = parent.namespaceURI.endsWith("svg") || tag === "svg";
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  parent.append(node);
  return node;
}

const attribute = (points) => points.map((p) => p.map((c) => c.toFixed(1)).join()).join(" ");

/** Draws marks, lines and discs in a role's look; `at` maps data to the screen. */
const DRAW = {
  dots(layer, role, points, at, size = 3.5) {
    const open = role.symbol.endsWith("-open");
    const paint = open ? { fill: "none", stroke: role.color, "stroke-width": 2 } : { fill: role.color };
    const d = MARKS[role.symbol.replace("-open", "")];
    for (const point of points) {
      const transform = `translate(${at(point).map((c) => c.toFixed(1))}) scale(${size})`;
      add(layer, "path", { d, transform, "vector-effect": "non-scaling-stroke", ...paint });
    }
  },
  path(layer, role, points, at) {
    add(layer, "polyline", {
      points: attribute(points.map(at)), fill: "none", stroke: role.color, "stroke-width": role.width,
      "stroke-dasharray": DASHES[role.dash] ?? "none", "stroke-linejoin": "round",
    });
  },
  join(layer, role, points, at) {
    add(layer, "polyline", { points: attribute(points.map(at)), class: "join", fill: "none", "stroke-width": 1 });
  },
  disc(layer, role, [centre], at, radius) {
    const [cx, cy] = at(centre);
    const [rx, ry] = [at([centre[0] + radius, 0])[0] - cx, cy - at([0, centre[1] + radius])[1]];
    add(layer, "ellipse", { cx, cy, rx, ry, fill: role.color, "fill-opacity": 0.2, stroke: role.color, "stroke-width": role.width });
  },
};

function drawAxes(layer, frame, xLabel, yLabel) {
  const [[left, right], [low, high]] = [frame.xRange, frame.yRange];
  const [[u0, v0], [u1, v1]] = [toScreen(frame, [left, low]), toScreen(frame, [right, high])];
  const write = (text, x, y, anchor, turn = 0) =>
    add(layer, "text", { x, y, "text-anchor": anchor, transform: `rotate(${turn} ${x} ${y})` }, String(text));
  add(layer, "polyline", { points: attribute([[u0, v1], [u0, v0], [u1, v0]]), fill: "none", stroke: "#808080" });
  if (xLabel) write(left, u0, v0 + 16, "start"), write(right, u1, v0 + 16, "end"), write(xLabel, (u0 + u1) / 2, v0 + 16, "middle");
  if (yLabel) write(low, u0 - 6, v0, "end"), write(high, u0 - 6, v1 + 10, "end"), write(yLabel, u0 - 10, (v0 + v1) / 2, "middle", -90);
}

function render({ model, el }) {
  const life = new AbortController();
  const get = (name) => model.get(name);
  const root = add(el, "div", { class: "dilviz dilviz-pad", "data-lm-suppress-shortcuts": "true" });
  const svg = add(root, "svg", { tabindex: 0, role: "application", "aria-roledescription": "drawing pad" });
  const [scene, truth, drawing, cursorLayer] = ["scene", "truth", "drawing", "cursor"].map((name) => add(svg, "g", { class: name }));
  const tools = add(root, "div", { class: "tools" });
  const undoButton = add(tools, "button", { type: "button" }, "Undo");
  const clearButton = add(tools, "button", { type: "button" }, "Clear");
  const status = add(tools, "span", { class: "status", role: "status" });
  const caption = add(root, "p", { class: "truth-caption", role: "status" });
  const help = add(root, "p", { class: "help", id: `dilviz-help-${crypto.randomUUID()}` });
  svg.setAttribute("aria-describedby", help.id);

  let frame, cursor; // the cursor is in screen units
  let stroke = null; // being drawn: { pointer: id or "keyboard", points in screen units }
  const at = (point) => toScreen(frame, point);
  const looks = (role) => get("_roles")[role];

  function drawShapes(layer, shapes) {
    for (const { kind, role, points, radius } of shapes) DRAW[kind](layer, looks(role), points, at, radius || undefined);
  }
  function drawScene() {
    const [width, height] = [get("width"), get("height")];
    const margin = [get("y_label") ? 44 : 10, 10, 10, get("x_label") ? 26 : 10];
    frame = makeFrame(width, height, get("x_range"), get("y_range"), get("equal"), margin);
    cursor ??= [width / 2, height / 2];
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("aria-label", get("label"));
    root.style.maxWidth = `${width}px`;
    const act = get("mode") === "points" ? "Click or tap to drop a point" : "Press and drag to draw a stroke";
    const key = get("mode") === "points" ? "Enter drops a point" : "Enter starts and ends a stroke, Escape cancels it";
    help.textContent = `${act}. By keyboard: arrows move (Shift: farther), ${key}, Backspace removes the last.`;
    scene.replaceChildren();
    drawShapes(scene, get("background"));
    if (get("x_label") || get("y_label")) drawAxes(scene, frame, get("x_label"), get("y_label"));
    drawTruth();
    drawDrawing();
  }
  function drawTruth() {
    truth.replaceChildren();
    drawShapes(truth, get("truth"));
    caption.textContent = get("caption");
  }
  function drawDrawing() {
    const look = looks("prediction");
    drawing.replaceChildren();
    for (const line of get("strokes")) DRAW.path(drawing, look, line, at);
    if (stroke) DRAW.path(drawing, look, stroke.points, (point) => point);
    DRAW.dots(drawing, look, get("points"), at, 6);
    drawCursor();
    const empty = !get(get("mode")).length;
    undoButton.setAttribute("aria-disabled", empty);
    clearButton.setAttribute("aria-disabled", !get("points").length && !get("strokes").length);
  }
  function drawCursor() {
    const [u, v] = cursor;
    cursorLayer.replaceChildren();
    add(cursorLayer, "path", { d: `M${u - 9},${v}h18M${u},${v - 9}v18`, "stroke-width": 1.5 });
  }
  function drawAll() {
    drawScene();
    status.textContent = say(get("points"), get("strokes"));
  }

  function commit(changes, message) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    status.textContent = message;
  }
  function drop(place) {
    const points = get("points");
    if (points.length >= get("max_points")) {
      status.textContent = `All ${points.length} points are placed. Undo one to move it.`;
      return;
    }
    const point = toData(frame, place);
    commit({ points: [...points, point] }, `Point ${points.length + 1} at ${point.map((c) => Number(c.toPrecision(3))).join(", ")}`);
  }
  function begin(pointer, place) {
    stroke = { pointer, points: [place] };
    status.textContent = "Stroke begun";
    drawDrawing();
  }
  function extend(place) {
    stroke.points.push(place);
    drawDrawing();
  }
  function end() {
    const points = simplify(stroke.points, TOLERANCE).map((place) => toData(frame, place));
    stroke = null;
    if (points.every((point) => String(point) === String(points[0]))) {
      return cancel("A stroke needs two ends: drag, or move by the arrows in between");
    }
    const strokes = [...get("strokes"), points];
    commit({ strokes }, `Stroke ${strokes.length} drawn`);
  }
  function cancel(message = "Stroke cancelled") {
    stroke = null;
    status.textContent = message;
    drawDrawing();
  }
  function undo() {
    const name = get("mode");
    if (stroke) return cancel();
    if (get(name).length) commit({ [name]: get(name).slice(0, -1) }, name === "points" ? "Last point removed" : "Last stroke removed");
  }
  function clear() {
    stroke = null;
    commit({ points: [], strokes: [] }, "Cleared");
  }

  function placeOf(event) {
    const box = svg.getBoundingClientRect();
    const border = svg.clientLeft; // the box includes it, the drawing area does not
    const scale = get("width") / (box.width - 2 * border);
    return [(event.clientX - box.left - border) * scale, (event.clientY - box.top - border) * scale];
  }
  function enter() {
    if (get("mode") === "points") drop(cursor);
    else if (stroke) end();
    else begin("keyboard", cursor);
  }
  function moveCursor([dx, dy], step) {
    const [width, height] = [get("width"), get("height")];
    cursor = [Math.min(width, Math.max(0, cursor[0] + dx * step)), Math.min(height, Math.max(0, cursor[1] + dy * step))];
    cursor = at(toData(frame, cursor)); // stay where a point can be
    if (stroke) extend(cursor);
    else drawCursor();
    status.textContent = toData(frame, cursor).map((c) => Number(c.toPrecision(3))).join(", ");
  }
  const KEYS = { Enter: enter, " ": enter, Backspace: undo, Delete: undo, Escape: () => stroke && cancel() };

  const listen = (node, type, handle) => node.addEventListener(type, handle, { signal: life.signal });
  listen(root, "keydown", (event) => event.stopPropagation()); // a notebook would take arrows and letters as commands
  listen(svg, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in ARROWS || event.key in KEYS)) return;
    event.preventDefault();
    if (event.key in ARROWS) moveCursor(ARROWS[event.key], event.shiftKey ? BIG_STEP : STEP);
    else KEYS[event.key]();
  });
  listen(svg, "pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    cursor = at(toData(frame, placeOf(event)));
    if (get("mode") === "points") return drop(cursor);
    svg.setPointerCapture(event.pointerId);
    begin(event.pointerId, cursor);
  });
  listen(svg, "pointermove", (event) => stroke?.pointer === event.pointerId && extend(at(toData(frame, placeOf(event)))));
  listen(svg, "pointerup", (event) => stroke?.pointer === event.pointerId && end());
  listen(svg, "pointercancel", (event) => stroke?.pointer === event.pointerId && cancel());
  listen(undoButton, "click", undo);
  listen(clearButton, "click", clear);

  const redraws = { "change:points change:strokes": () => (drawDrawing(), (status.textContent = say(get("points"), get("strokes")))),
    "change:truth change:caption": drawTruth,
    "change:mode change:x_range change:y_range change:equal change:background change:label change:x_label change:y_label change:width change:height": drawScene };
  for (const [names, redraw] of Object.entries(redraws)) model.on(names, redraw);
  drawAll();
  return () => {
    life.abort();
    for (const [names, redraw] of Object.entries(redraws)) model.off(names, redraw);
  };
}

export default { render };
