// What every live demo stands on: a canvas that fits its place, redrawn when something has changed, and an end to it all.

/** @typedef {{left: number, top: number, width: number, height: number}} Box in pixels of the page */

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
  const scene = add(root, "div", { class: "scene" });
  const canvas = add(scene, "canvas", { role: "img", "aria-label": label });
  const words = add(root, "p", { class: "words" });
  const bar = add(root, "div", { class: "tools" });
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
