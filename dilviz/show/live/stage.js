// What every live demo stands on: a canvas that fits its place, handles to drag, native controls, a clock that stops when
// nobody looks. It knows the page; the mathematics is in runtime.js and in the demos' own pure functions.

/** @typedef {{left: number, top: number, width: number, height: number}} Box in pixels of the page */

export const clamp = (/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) =>
  Math.min(Math.max(value, low), high);

/**
 * An element in another.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {Element} parent
 * @param {K} name
 * @param {Record<string, string | number | boolean>} [attributes]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function add(parent, name, attributes = {}, text = "") {
  const element = parent.appendChild(document.createElement(name));
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text) element.textContent = text;
  return element;
}

// --- from places to pixels --------------------------------------------------------------------------------------------

/**
 * How ranges of x and y lie in a box, y up. With `equal`, one unit is as long in x as in y, and the box's middle is used.
 * @param {Box} box
 * @param {Point} x
 * @param {Point} y
 * @param {boolean} equal
 */
export function makeFrame(box, x, y, equal = true) {
  let [sx, sy] = [box.width / (x[1] - x[0]), box.height / (y[1] - y[0])];
  if (equal) sx = sy = Math.min(sx, sy);
  const [cx, cy] = [box.left + box.width / 2, box.top + box.height / 2];
  const [mx, my] = [(x[0] + x[1]) / 2, (y[0] + y[1]) / 2];
  return {
    box,
    scale: sx,
    /** @param {ArrayLike<number>} place @returns {Point} */
    at: (place) => [cx + sx * (place[0] - mx), cy - sy * (place[1] - my)],
    /** @param {ArrayLike<number>} pixel @returns {Point} */
    back: (pixel) => [mx + (pixel[0] - cx) / sx, my - (pixel[1] - cy) / sy],
  };
}
/** @typedef {ReturnType<typeof makeFrame>} Frame */

// --- the stage --------------------------------------------------------------------------------------------------------

/**
 * Root, controls, canvas and words of a demo.
 * @param {object} setting
 * @param {Model} setting.model
 * @param {HTMLElement} setting.el
 * @param {string} setting.label what the picture is, for who cannot see it
 * @param {(width: number) => number} setting.height of the canvas at a width, in pixels
 */
export function openStage({ model, el, label, height }) {
  const life = new AbortController();
  // JupyterLab would take arrows and letters as commands.
  const root = add(el, "div", { class: "dilviz dilviz-live", "data-lm-suppress-shortcuts": "true" });
  const bar = add(root, "div", { class: "tools" });
  const scene = add(root, "div", { class: "scene" });
  const canvas = add(scene, "canvas", { role: "img", "aria-label": label });
  const words = add(root, "p", { class: "words" });
  const status = add(root, "p", { class: "status", role: "status" });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  /** @type {((context: CanvasRenderingContext2D) => void)[]} */
  const drawers = [];
  /** @type {(() => void)[]} */
  const closers = [() => life.abort()];
  let asked = 0;

  const stage = {
    model,
    root,
    bar,
    scene,
    words,
    life,
    width: 0,
    height: 0,
    ink: "black",
    paper: "white",
    seen: true, // whether it is on the screen
    /** Draw before the next picture of the screen; as often as one likes. */
    redraw() {
      if (!asked) asked = requestAnimationFrame(paint);
    },
    /** After what the height depends on has changed. */
    resize: () => fit(),
    /** Whatever draws, in the order in which it came. @param {(context: CanvasRenderingContext2D) => void} drawer */
    onDraw(drawer) {
      drawers.push(drawer);
      stage.redraw();
    },
    /** When a value changes, by whomever. @param {string[]} names @param {() => void} handler */
    onChange(names, handler) {
      for (const name of names) model.on(`change:${name}`, handler);
      closers.push(() => names.forEach((name) => model.off(`change:${name}`, handler)));
    },
    /** @param {EventTarget} target @param {string} type @param {(event: any) => void} handler */
    listen(target, type, handler) {
      target.addEventListener(type, handler, { signal: life.signal });
    },
    /** Change values and tell who listens. @param {Record<string, any>} values */
    set(values) {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      model.save_changes();
    },
    /** What a screen reader says next. @param {string} text */
    say(text) {
      status.textContent = text;
    },
    /** @param {() => void} closer is called at the end */
    onClose(closer) {
      closers.push(closer);
    },
    close() {
      cancelAnimationFrame(asked);
      for (const closer of closers.splice(0)) closer();
      root.remove();
    },
  };

  function paint() {
    asked = 0;
    if (!stage.width) return;
    const look = getComputedStyle(root);
    [stage.ink, stage.paper] = [look.color, look.getPropertyValue("--dilviz-paper").trim() || "white"];
    const ratio = canvas.width / stage.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, stage.width, stage.height);
    for (const drawer of drawers) {
      context.save();
      drawer(context);
      context.restore();
    }
  }
  function fit() {
    stage.width = Math.floor(scene.clientWidth);
    stage.height = stage.width && Math.round(height(stage.width));
    const ratio = Math.min(devicePixelRatio || 1, 2); // more pixels than two a point nobody sees
    canvas.width = Math.round(stage.width * ratio);
    canvas.height = Math.round(stage.height * ratio);
    canvas.style.height = `${stage.height}px`;
    stage.redraw();
  }
  const sizes = new ResizeObserver(fit);
  sizes.observe(scene);
  const looks = new IntersectionObserver((entries) => {
    stage.seen = entries[entries.length - 1].isIntersecting;
    if (stage.seen) stage.redraw();
  });
  looks.observe(root);
  closers.push(() => sizes.disconnect(), () => looks.disconnect());
  stage.listen(root, "keydown", (event) => event.stopPropagation());
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  stage.listen(scheme, "change", stage.redraw);
  const theme = new MutationObserver(() => stage.redraw()); // JupyterLab's and the page's themes are attributes
  for (const node of [document.documentElement, document.body, el]) theme.observe(node, { attributes: true });
  closers.push(() => theme.disconnect());
  fit();
  return stage;
}
/** @typedef {ReturnType<typeof openStage>} Stage */

// --- handles ----------------------------------------------------------------------------------------------------------

/** @type {Record<string, Point>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/**
 * A thing that is dragged, or focused and moved by arrows. It is a button over the canvas, so that all can reach it.
 * @param {Stage} stage
 * @param {object} handle
 * @param {string} handle.name as it is called, such as "tree"
 * @param {() => Frame} handle.frame
 * @param {() => Point} handle.place where it is, in the scene's units
 * @param {(place: Point) => void} handle.move wherever it is to go; the mover keeps it in bounds
 * @param {() => string} handle.says where it is now, in words
 * @param {number} [handle.step] of an arrow, in the scene's units
 * @param {() => boolean} [handle.there] whether it is shown
 * @param {(dragging: boolean) => void} [handle.drag] told at both ends of a drag
 */
export function addHandle(stage, { name, frame, place, move, says, step = 0.01, there = () => true, drag = () => {} }) {
  const label = `Move ${name}`;
  const button = add(stage.scene, "button", { type: "button", class: "handle", "data-name": name, "aria-label": label });
  /** @type {Point | null} */
  let grip = null; // from the pointer to the handle's middle, in pixels
  function put() {
    button.hidden = !there() || !stage.width;
    const [x, y] = frame().at(place());
    button.style.transform = `translate(${x}px, ${y}px) translate(-50%, -50%)`;
    button.setAttribute("aria-label", `${label}: ${says()}`);
  }
  /** @param {PointerEvent} event @returns {Point} */
  function pixel(event) {
    const box = stage.scene.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
  function end() {
    if (!grip) return;
    grip = null;
    drag(false);
    stage.say(`${name}: ${says()}`);
  }
  stage.listen(button, "pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    const [[x, y], [u, v]] = [frame().at(place()), pixel(event)];
    grip = [x - u, y - v];
    button.setPointerCapture(event.pointerId);
    drag(true);
  });
  stage.listen(button, "pointermove", (event) => {
    if (!grip) return;
    const [u, v] = pixel(event);
    move(frame().back([u + grip[0], v + grip[1]]));
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) stage.listen(button, type, end);
  stage.listen(button, "keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [[x, y], far] = [place(), step * (event.shiftKey ? 5 : 1)];
    move([x + far * arrow[0], y + far * arrow[1]]);
    stage.say(`${name}: ${says()}`);
  });
  stage.onDraw(put);
  return button;
}

// --- controls: native, with labels ------------------------------------------------------------------------------------

// For the ids that tie a label to its control: another demo in the same page counts from nought, too.
const MINE = Math.random().toString(36).slice(2, 8);
let controls = 0;

/**
 * @param {Stage} stage
 * @param {string} text
 * @param {Element} [parent]
 */
function labelled(stage, text, parent = stage.bar) {
  const box = add(parent, "span", { class: "control" });
  const id = `dilviz-${MINE}-${controls++}`;
  add(box, "label", { for: id }, text);
  return { box, id };
}

/**
 * A slider for a number of the model.
 * @param {Stage} stage
 * @param {string} name of the value
 * @param {object} look
 * @param {string} look.label
 * @param {number} look.low
 * @param {number} look.high
 * @param {number} [look.step]
 * @param {(value: number) => string} [look.show] the value in words
 * @param {boolean} [look.settled] whether the model hears of it only when the hand lets go
 */
export function addSlider(stage, name, { label, low, high, step = 1, show = String, settled = false }) {
  const { box, id } = labelled(stage, label);
  const input = add(box, "input", { type: "range", id, min: low, max: high, step, "data-name": name });
  const value = add(box, "span", { class: "value", "aria-hidden": true }); // the slider itself says it aloud
  function follow() {
    input.value = stage.model.get(name);
    value.textContent = show(Number(stage.model.get(name)));
    input.setAttribute("aria-valuetext", value.textContent);
  }
  stage.listen(input, settled ? "change" : "input", () => stage.set({ [name]: Number(input.value) }));
  stage.listen(input, "input", () => {
    value.textContent = show(Number(input.value));
  });
  stage.onChange([name], follow);
  follow();
  return input;
}

/**
 * A menu for a value of the model.
 * @param {Stage} stage
 * @param {string} name of the value
 * @param {string} label
 * @param {[any, string][]} options value and words
 */
export function addChoice(stage, name, label, options) {
  const { box, id } = labelled(stage, label);
  const select = add(box, "select", { id, "data-name": name });
  for (const [, text] of options) add(select, "option", {}, text);
  const follow = () => {
    select.selectedIndex = options.findIndex(([value]) => value === stage.model.get(name));
  };
  stage.listen(select, "change", () => stage.set({ [name]: options[select.selectedIndex][0] }));
  stage.onChange([name], follow);
  follow();
  return select;
}

/**
 * A tick box for a value of the model.
 * @param {Stage} stage
 * @param {string} name of the value
 * @param {string} label
 */
export function addTick(stage, name, label) {
  const box = add(stage.bar, "span", { class: "control" });
  const id = `dilviz-${MINE}-${controls++}`;
  const input = add(box, "input", { type: "checkbox", id, "data-name": name });
  add(box, "label", { for: id }, label);
  const follow = () => {
    input.checked = stage.model.get(name);
  };
  stage.listen(input, "change", () => stage.set({ [name]: input.checked }));
  stage.onChange([name], follow);
  follow();
  return input;
}

/**
 * @param {Stage} stage
 * @param {string} text
 * @param {() => void} press
 */
export function addButton(stage, text, press) {
  const button = add(stage.bar, "button", { type: "button" }, text);
  stage.listen(button, "click", press);
  return button;
}

// --- the clock --------------------------------------------------------------------------------------------------------

const SPEEDS = /** @type {const} */ ([["¼", 0.25], ["½", 0.5], ["1", 1], ["2", 2], ["4", 4]]);
const FRAME_MS = 1000 / 60;

/** Whether the reader has asked for as little movement as possible. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * Play, pause, scrub and speed. It ticks sixty times a second at speed 1, and not at all where nobody looks.
 * @param {Stage} stage
 * @param {object} film
 * @param {(frames: number) => boolean} film.tick go on by so many sixtieths of a second; false: this is the end
 * @param {() => void} film.rewind to the beginning, when play is pressed at the end
 * @param {() => number} film.length of the scrubber
 * @param {() => number} film.at where the scrubber stands
 * @param {(at: number) => void} film.seek
 * @param {() => string} film.says where that is, in words
 * @param {boolean} [film.loop] whether there is a switch that begins anew at the end; true: it is on at first
 * @param {string} [film.label] of the scrubber
 * @param {() => void} [film.heard] told after play, pause and a move of the scrubber, by whomever
 */
export function addTransport(stage, { tick, rewind, length, at, seek, says, loop, label = "time", heard = () => {} }) {
  const row = add(stage.root, "div", { class: "tools transport" });
  stage.root.insertBefore(row, stage.words);
  const button = add(row, "button", { type: "button", class: "play" });
  const { box, id } = labelled(stage, label, row);
  box.classList.add("time");
  const scrub = add(box, "input", { type: "range", id, min: 0, step: 1 });
  const speed = labelled(stage, "speed", row);
  const speeds = add(speed.box, "select", { id: speed.id });
  for (const [text] of SPEEDS) add(speeds, "option", {}, text);
  speeds.selectedIndex = 2;
  /** @type {HTMLInputElement | null} */
  let again = null;
  if (loop !== undefined) {
    const repeat = add(row, "span", { class: "control" });
    again = add(repeat, "input", { type: "checkbox", id: `${id}-loop` });
    again.checked = loop;
    add(repeat, "label", { for: `${id}-loop` }, "loop");
  }
  let [playing, ended, last, asked] = [false, false, 0, 0];

  function follow() {
    scrub.max = String(Math.max(length() - 1, 0));
    scrub.value = String(at());
    scrub.setAttribute("aria-valuetext", says());
  }
  /** @param {number} now */
  function beat(now) {
    asked = playing ? requestAnimationFrame(beat) : 0;
    const frames = Math.min((now - last) / FRAME_MS, 4); // after a pause of the page it does not jump
    last = now;
    if (!playing || !stage.seen || document.hidden) return; // a beat may still come after a pause
    ended = !tick(frames * SPEEDS[speeds.selectedIndex][1]);
    if (ended && again?.checked) rewind();
    else if (ended) clock.play(false);
    follow();
    stage.redraw();
  }
  const clock = {
    row,
    get playing() {
      return playing;
    },
    /** @param {boolean} wanted */
    play(wanted) {
      if (wanted && ended) rewind();
      const turned = playing !== wanted;
      playing = wanted;
      ended &&= !wanted; // at the end, play begins anew
      button.textContent = playing ? "❚❚ Pause" : "▶ Play";
      button.setAttribute("aria-label", playing ? "Pause" : "Play");
      if (playing && !asked) {
        last = performance.now();
        asked = requestAnimationFrame(beat);
      }
      follow();
      if (turned) heard();
    },
    /** After another than the clock has moved the time. */
    moved() {
      ended = false;
      follow();
      stage.redraw();
    },
  };
  stage.listen(button, "click", () => clock.play(!playing));
  stage.listen(scrub, "input", () => {
    const to = Number(scrub.value); // a pause puts it back to where the film stands
    clock.play(false);
    seek(to);
    clock.moved();
    heard();
  });
  stage.listen(scrub, "keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault(); // here it means what it means on the button
    clock.play(!playing);
  });
  stage.onClose(() => cancelAnimationFrame(asked));
  clock.play(false);
  return clock;
}

// --- the picture language: roles as dilviz.show.theme names them --------------------------------------------------------

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
