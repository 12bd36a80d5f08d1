// A live demo in a web page: what anywidget's model is in a notebook, the state in the address, and a word with the page
// around, if there is one.

import { clamp } from "./stage.js";

/** @typedef {import("./stage.js").Model} Model */
/** @typedef {{low: number, high: number, count: number, whole: boolean, options: any[]}} Bound */

/**
 * A value out of an address, if it may be; else undefined.
 * @param {string} text
 * @param {Bound} bound
 */
export function readValue(text, { low, high, count, whole, options }) {
  if (options.length) return options.find((option) => String(option) === text);
  const numbers = text.split(",").map((part) => (part.trim() ? Number(part) : Number.NaN));
  if (numbers.length !== (count || 1) || !numbers.every(Number.isFinite)) return undefined;
  const fit = numbers.map((number) => clamp(whole ? Math.round(number) : number, low, high));
  return count ? fit : fit[0];
}

/** @param {any} value */
export const writeValue = (value) =>
  [value].flat().map((part) => (typeof part === "number" ? String(Number(part.toFixed(4))) : String(part))).join(",");

/**
 * The state that an address tells, as far as it makes sense.
 * @param {string} hash
 * @param {Record<string, Bound>} bounds
 */
export function readState(hash, bounds) {
  const told = new URLSearchParams(hash.replace(/^#/, ""));
  const values = Object.entries(bounds).map(([name, bound]) => [name, readValue(told.get(name) ?? "", bound)]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

/**
 * What differs from the first state, for an address.
 * @param {Record<string, any>} values
 * @param {Record<string, any>} first
 * @param {Record<string, Bound>} bounds
 */
export function writeState(values, first, bounds) {
  const changed = Object.keys(bounds).filter((name) => writeValue(values[name]) !== writeValue(first[name]));
  return changed.map((name) => `${name}=${encodeURIComponent(writeValue(values[name])).replaceAll("%2C", ",")}`).join("&");
}

/**
 * A model as anywidget's, of plain values.
 * @param {Record<string, any>} values
 * @param {() => void} saved
 * @returns {Model}
 */
export function makeModel(values, saved = () => {}) {
  /** @type {Map<string, Set<() => void>>} */
  const handlers = new Map();
  const of = (/** @type {string} */ event) => handlers.get(event) ?? new Set();
  return {
    get: (name) => values[name],
    set(name, value) {
      if (writeValue(values[name]) === writeValue(value)) return;
      values[name] = value;
      for (const handler of [...of(`change:${name}`)]) handler();
    },
    save_changes: saved,
    on: (event, handler) => void handlers.set(event, of(event).add(handler)),
    off: (event, handler) => void of(event).delete(handler),
  };
}

/**
 * Show a demo in an element of a page.
 * @param {(place: { model: Model, el: HTMLElement }) => () => void} render
 * @param {Record<string, any>} data all that Python tells
 * @param {HTMLElement} el
 * @param {Record<string, any>} [state] where to begin, in place of what `data` says
 * @param {(state: string) => void} [changed] told the state, as an address has it, when it has changed
 */
export function mount(render, data, el, state = {}, changed = () => {}) {
  const { bounds } = data;
  const values = { ...data, ...state };
  const model = makeModel(values, () => changed(writeState(values, data, bounds)));
  const close = render({ model, el });
  return { model, close };
}

/**
 * A page of its own: data and element lie in it, the state in its address.
 * @param {(place: { model: Model, el: HTMLElement }) => () => void} render
 */
export function openPage(render) {
  const data = JSON.parse(document.getElementById("dilviz-data")?.textContent ?? "{}");
  const el = /** @type {HTMLElement} */ (document.getElementById("dilviz"));
  let [last, waiting] = ["", 0];
  function save() {
    waiting = 0;
    try {
      history.replaceState(null, "", last ? `#${last}` : " ".trim() || location.pathname + location.search);
    } catch {
      // a sandboxed frame may not: the state is then in the picture alone
    }
  }
  function changed(/** @type {string} */ state) {
    last = state;
    waiting ||= setTimeout(save, 300); // a browser refuses an address that changes a hundred times in a drag
  }
  const { model } = mount(render, data, el, readState(location.hash, data.bounds), changed);
  addEventListener("hashchange", () => {
    for (const [name, value] of Object.entries({ ...first(data), ...readState(location.hash, data.bounds) })) model.set(name, value);
  });
  talkToParent(el);
  performance.mark("dilviz:ready");
}

/** @param {Record<string, any>} data */
const first = (data) => Object.fromEntries(Object.keys(data.bounds).map((name) => [name, data[name]]));

/** Tell the page around how high this one is, and hear whether it is dark. @param {HTMLElement} el */
function talkToParent(el) {
  const page = document.documentElement;
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || source === window || typeof data?.dilviz !== "object") return;
    const { scheme, paper } = data.dilviz;
    if (scheme === "dark" || scheme === "light") page.dataset.scheme = scheme;
    if (CSS.supports("color", paper)) page.style.setProperty("--dilviz-page-paper", paper);
  });
  if (parent === window) return;
  page.dataset.framed = "";
  const tell = () => parent.postMessage({ dilviz: { height: Math.ceil(document.body.getBoundingClientRect().height) } }, "*");
  new ResizeObserver(tell).observe(document.body);
  tell();
}
