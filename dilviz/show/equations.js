// Equations, the code that computes them and a picture, tied together: one symbol is looked at in all of them at once.
// Every value comes from Python, for every t, in one table; this file looks it up and draws.
/** @typedef {{ math: string, spoken: string, words: string, code: string, tokens: string[], shape: string, values: string[] }} Entry */
/** @typedef {Record<string, any>} Moment */

const METHODS = [".add_noise", ".to_x0", ".posterior"];

/** A line of code cut at the words that stand for symbols: [text, the word or ""]. A method of that name is none.
    @param {string} line @param {string[]} words @returns {[string, string][]} */
export function cut(line, words) {
  /** @type {[string, string][]} */ const parts = [];
  for (const text of line.match(/"[^"]*"|\.?\w+|[^\w."]+|\./g) ?? []) {
    const word = text.replace(/^\./, "");
    parts.push([text, words.includes(text) || METHODS.includes(text) ? word : ""]);
  }
  return parts;
}

/** The row that is drawn, at time t: points as [x, y], lengths as numbers.
    @param {Record<string, any[]>} first @param {number} t @returns {Moment} */
export function moment(first, t) {
  return Object.fromEntries(Object.entries(first).map(([name, values]) => [name, values[t]]));
}

const plus = ([a, b], [c, d], k = 1) => /** @type {Point} */ ([a + k * c, b + k * d]);
const times = (k, [a, b]) => /** @type {Point} */ ([k * a, k * b]);
const ORIGIN = /** @type {Point} */ ([0, 0]);

/** The parts of the picture, each with the symbols that mark it; `only`: not drawn unless it is marked.
    @param {Moment} m @returns {Record<string, any>[]} */
export function parts(m) {
  const [signal, guessed] = [times(m.signal_scale, m.x0), times(m.signal_scale, m.x0_hat)];
  const pulled = times(m.u, m.x0);
  return [
    { of: ["signal_scale", "alpha_bar"], role: "data", from: ORIGIN, to: signal },
    { of: ["noise"], role: "noise", from: signal, to: plus(signal, m.noise), dashed: true, only: true, label: "ε" },
    { of: ["noise_scale", "alpha_bar", "noise"], role: "noise", from: signal, to: m.xt },
    { of: ["denoiser"], role: "diffusion", from: guessed, to: plus(guessed, m.denoiser), dashed: true, only: true, label: "ε_θ" },
    { of: ["denoiser"], role: "diffusion", from: guessed, to: m.xt, only: true },
    { of: ["loss"], role: "diffusion", from: signal, to: guessed, bare: true, only: true, label: "error" },
    { of: ["weight"], role: "diffusion", from: m.x0, to: m.x0_hat, bare: true, only: true, label: "error" },
    { of: ["u", "mean"], role: "data", from: ORIGIN, to: pulled, only: true, label: "u x_0" },
    { of: ["w", "mean"], role: "noise", from: pulled, to: m.mean, only: true, label: "w x_t" },
    { of: ["variance"], role: "diffusion", at: m.mean, radius: Math.sqrt(m.variance) },
    { of: ["mean", "s"], role: "diffusion", at: m.mean, mark: "ring", label: "μ", place: [-14, -8] },
    { of: ["xs", "s"], role: "diffusion", at: m.xs, mark: "disc", only: true, label: "x_s", place: [-16, -10] },
    { of: ["x0"], role: "data", at: m.x0, mark: "disc", label: "x_0", place: [-8, 20] },
    { of: ["x0_hat", "weight"], role: "diffusion", at: m.x0_hat, mark: "disc", label: "x̂_0", place: [2, 36] },
    { of: ["xt", "t"], role: "noise", at: m.xt, mark: "diamond", label: "x_t", place: [10, -8] },
  ];
}

const VIEW = { left: -1.25, right: 1.45, low: -0.6, high: 1.65, width: 330 };
const SCALE = VIEW.width / (VIEW.right - VIEW.left);
const HEIGHT = Math.round(SCALE * (VIEW.high - VIEW.low));
const at = ([x, y]) => /** @type {Point} */ ([SCALE * (x - VIEW.left), SCALE * (VIEW.high - y)]);
const HINT = "Point at a symbol, or move to an equation by Tab and along it by ← and →.";

function add(parent, tag, attributes = {}, text = "") {
  const svg = parent.namespaceURI.endsWith("svg") || tag === "svg";
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  parent.append(node);
  return node;
}

function addMath(parent, inner) {
  parent.insertAdjacentHTML("beforeend", `<math>${inner}</math>`);
}

function drawArrow(layer, { from, to, dashed, bare }, look) {
  const [[x1, y1], [x2, y2]] = [at(from), at(to)];
  const long = Math.hypot(x2 - x1, y2 - y1);
  const dash = dashed ? { "stroke-dasharray": "5 4" } : {};
  add(layer, "line", { x1, y1, x2, y2, ...look, ...dash });
  if (bare || long < 3) return;
  const [u, v] = [(x2 - x1) / long, (y2 - y1) / long];
  const size = Math.min(9, long);
  const [x, y] = [x2 - size * u, y2 - size * v];
  const points = `${x - 0.4 * size * v},${y + 0.4 * size * u} ${x2},${y2} ${x + 0.4 * size * v},${y - 0.4 * size * u}`;
  add(layer, "polyline", { points, ...look, "stroke-linejoin": "round" });
}

function drawMark(layer, { at: place, mark, radius }, look) {
  const [cx, cy] = at(place);
  if (radius !== undefined) add(layer, "circle", { cx, cy, r: SCALE * radius, ...look, fill: look.stroke, "fill-opacity": 0.15 });
  else if (mark === "diamond") {
    add(layer, "path", { d: `M${cx},${cy - 7}l7,7l-7,7l-7,-7Z`, fill: look.stroke });
  } else add(layer, "circle", { cx, cy, r: 5.5, ...look, fill: mark === "disc" ? look.stroke : "none" });
}

function drawPart(svg, part, color, state) {
  const layer = add(svg, "g", { class: `part ${state}`, "data-of": part.of.join(" ") });
  const look = { stroke: color, "stroke-width": state === "lit" ? 3.5 : 2, fill: "none" };
  if (part.from) drawArrow(layer, part, look);
  else drawMark(layer, part, look);
  if (!part.label) return;
  const [x, y] = at(part.at ?? part.to);
  const [dx, dy] = part.place ?? [8, -4];
  part.label.split(" ").forEach((word, k) => {
    const [base, index] = word.split("_"); // after the underscore: lower and smaller
    const text = k ? layer.lastChild : add(layer, "text", { x: x + dx, y: y + dy });
    add(text, "tspan", k ? { dx: 4 } : {}, base);
    if (index) add(text, "tspan", { dy: 4, "font-size": 10 }, index);
  });
}

/** The share of the variance that is left, and what noise has taken; at t, and where it stood at s. */
function drawShares(svg, share, earlier, symbol, roles) {
  const [y, width] = [HEIGHT + 24, VIEW.width - 2];
  const atS = ["alpha_bar_s", "a"].includes(symbol);
  const lit = atS || symbol === "alpha_bar" ? "lit" : "";
  const layer = add(svg, "g", { class: `part ${lit}`, "data-of": "alpha_bar alpha_bar_s a" });
  add(layer, "text", { x: 1, y: y - 6 }, "ᾱ: share of the data");
  add(layer, "text", { x: VIEW.width - 1, y: y - 6, "text-anchor": "end" }, "of the noise");
  add(layer, "rect", { x: 1, y, width, height: 10, fill: roles.noise });
  add(layer, "rect", { x: 1, y, width: width * share, height: 10, fill: roles.data });
  if (atS) add(layer, "rect", { x: 1, y: y + 12, width: width * earlier, height: 4, fill: roles.data });
}

function drawScene(svg, table, t, symbol, roles) {
  svg.replaceChildren();
  const [cx, cy] = at(ORIGIN);
  const tree = roles.tree;
  add(svg, "circle", { cx, cy, r: 0.5 * SCALE, fill: tree, "fill-opacity": 0.07, stroke: tree, "stroke-opacity": 0.5 });
  add(svg, "text", { x: cx, y: cy + 0.42 * SCALE, "text-anchor": "middle", opacity: 0.75 }, "tree");
  const dots = (points, role, opacity) => {
    for (const [x, y] of points.map(at)) add(svg, "circle", { cx: x, cy: y, r: 2.5, fill: roles[role], opacity });
  };
  dots(table.data, "data", symbol === "x0" ? 0.9 : 0.35);
  dots(table.batch[t], "noise", symbol === "xt" || symbol === "loss" ? 0.8 : 0.25);
  for (const part of parts(moment(table.first, t))) {
    const lit = part.of.includes(symbol);
    if (lit || !part.only) drawPart(svg, part, roles[part.role], lit ? "lit" : symbol ? "faded" : "");
  }
  drawShares(svg, table.first.alpha_bar[t], table.first.alpha_bar_s[t], symbol, roles);
}

/** A button that stands for a symbol, its name in words as its accessible name. */
function addSymbol(parent, name, entry, kind) {
  const label = kind === "code" ? `${name}, in code: ${entry.words}` : `${entry.spoken}: ${entry.words}`;
  const button = add(parent, "button", { type: "button", "data-symbol": name, "aria-label": label, tabindex: -1 });
  if (kind === "code") button.textContent = name;
  else addMath(button, entry.math);
  return button;
}

function addEquationLine(parent, line, symbols) {
  for (const part of line) {
    if (Array.isArray(part)) {
      const [name, ...inner] = part;
      addEquationLine(add(parent, "span", { "data-symbol": name }), inner, symbols);
    } else if (part.startsWith("=")) {
      const sign = part.slice(1);
      const tag = "=+−/".includes(sign) ? "mo" : "mtext"; // a lone bracket would keep the distance of an operator
      addMath(add(parent, "span", { class: "sign" }), `<${tag}>${sign}</${tag}>`);
    } else addSymbol(parent, part, symbols[part], "math");
  }
}

function addCode(parent, line, table) {
  const code = add(add(parent, "div", { class: "code" }), "code");
  for (const [text, word] of cut(line, table.names)) {
    if (word in table.symbols) addSymbol(code, word, table.symbols[word], "code");
    else add(code, "span", word ? { "data-word": word } : {}, text);
  }
}

function addSection(parent, equation, table) {
  const section = add(parent, "section", { role: "group", "aria-label": equation.title });
  add(section, "p", { class: "title" }, equation.title);
  equation.lines.forEach((line, k) => {
    const place = add(section, "div", { class: k ? "line small" : "line", role: "group" });
    place.setAttribute("aria-label", k ? "More of it" : equation.spoken);
    addEquationLine(place, line, table.symbols);
  });
  for (const line of equation.code) addCode(section, line, table);
  section.querySelector("button").tabIndex = 0;
  return section;
}

function addTime(parent, steps) {
  const label = add(parent, "label", { class: "time" }, "t");
  const slider = add(label, "input", { type: "range", min: 0, max: steps - 1, step: 1, "aria-label": "t, the time" });
  return { slider, said: add(label, "output") };
}

function build(el, table) {
  const root = add(el, "div", { class: "dilviz dilviz-equations" });
  const { slider, said } = addTime(root, table.steps);
  const line = add(root, "p", { class: "readout", "aria-live": "polite", "aria-atomic": "true" });
  const columns = add(root, "div", { class: "columns" });
  const rows = add(columns, "div", { class: "rows" });
  const sections = table.equations.map((equation) => addSection(rows, equation, table));
  const side = add(columns, "div", { class: "side" });
  const svg = add(side, "svg", { viewBox: `0 0 ${VIEW.width} ${HEIGHT + 40}`, role: "img" });
  add(side, "p", { class: "help" }, `${HINT} Escape lets go.`);
  const details = add(root, "details");
  add(details, "summary", {}, "Where the numbers come from");
  const setUp = add(details, "pre", { tabindex: 0, "aria-label": "Code before the lines above" });
  return { root, slider, said, line, sections, svg, setUp };
}

function write(line, entry, t) {
  line.replaceChildren();
  if (!entry) return add(line, "span", {}, HINT);
  addMath(line, entry.math);
  add(line, "span", {}, ` ${entry.words}. In code `);
  add(line, "code", {}, entry.code);
  add(line, "span", {}, `, shape ${entry.shape}. At t = ${t}: `);
  return add(line, "span", { class: "value" }, entry.values[t]);
}

function mark(root, name, entry) {
  for (const node of root.querySelectorAll("[data-symbol], [data-word]")) {
    const found = node.dataset.symbol === name || Boolean(entry?.tokens.includes(node.dataset.word));
    node.classList.toggle("marked", found);
    if (node.tagName === "BUTTON") node.setAttribute("aria-pressed", found);
  }
}

function step(section, from, key) {
  const buttons = [...section.querySelectorAll("button")];
  const here = buttons.indexOf(from);
  const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: buttons.length - 1 }[key];
  buttons[to ?? here]?.focus();
}

/** @param {View} view */
function render({ model, el }) {
  const life = new AbortController();
  const table = model.get("_table");
  const { root, slider, said, line, sections, svg, setUp } = build(el, table);
  /** @type {string | undefined} What the mouse points at. */ let pointed;

  function show() {
    const [name, t] = [pointed ?? model.get("symbol"), model.get("t")];
    const entry = table.symbols[name];
    write(line, entry, t);
    mark(root, name, entry);
    drawScene(svg, table, t, name, model.get("_roles"));
    svg.setAttribute("aria-label", `A point of the fork, noised to t = ${t}${entry ? `; marked: ${entry.words}` : ""}`);
    slider.value = t;
    said.textContent = `${t}`;
    setUp.textContent = table.code.replace("T_NOW", t);
  }
  function set(trait, value) {
    if (model.get(trait) === value) return;
    model.set(trait, value);
    model.save_changes();
  }
  const symbolAt = (event) => event.target.closest?.("[data-symbol]")?.dataset.symbol;
  function point(event) {
    const found = event.type === "pointerleave" || event.pointerType === "touch" ? undefined : symbolAt(event);
    if (found === pointed) return;
    pointed = found;
    show();
  }
  function focus(event) {
    const button = event.target.closest("button");
    const section = sections.find((one) => one.contains(button));
    if (!section) return;
    for (const other of section.querySelectorAll("button")) other.tabIndex = other === button ? 0 : -1;
    set("symbol", button.dataset.symbol);
  }
  function key(event) {
    event.stopPropagation(); // a notebook would take arrows and letters as commands
    const section = sections.find((one) => one.contains(event.target));
    if (event.key === "Escape") {
      pointed = undefined;
      set("symbol", "");
      if (section) event.target.blur();
      show();
    } else if (section && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) {
      event.preventDefault();
      step(section, event.target, event.key);
    }
  }

  const listen = (node, type, handle) => node.addEventListener(type, handle, { signal: life.signal });
  listen(root, "pointerover", point);
  listen(root, "pointerleave", point);
  listen(root, "focusin", focus);
  listen(root, "click", (event) => symbolAt(event) && set("symbol", symbolAt(event)));
  listen(root, "keydown", key);
  listen(slider, "input", () => set("t", Number(slider.value)));
  model.on("change:symbol", show);
  model.on("change:t", show);
  show();
  return () => {
    life.abort();
    model.off("change:symbol", show);
    model.off("change:t", show);
  };
}

export default { render };
