// A live demo in a web page: what anywidget's model is in a notebook, the state in the address, and a word with the page
// around, if there is one.

import { clamp } from "./numbers.js";

/** @typedef {{low: number, high: number, count: number, whole: boolean, options: any[]}} Bound */
/** @typedef {(view: View) => () => void} Render */

/**
 * A value out of an address, if it may be; else undefined.
 * @param {string} text
 * @param {Bound} bound
 * @returns {any}
 */
export function readValue(text, { low, high, count, whole, options }) {
  if (options.length) return options.find((option) => String(option) === text);
  const numbers = text.split(",").map((part) => (part.trim() ? Number(part) : Number.NaN));
  if (numbers.length !== (count || 1) || !numbers.every(Number.isFinite)) return undefined;
  const fit = numbers.map((number) => clamp(whole ? Math.round(number) : number, low, high));
  return count ? fit : fit[0];
}

/** A value as an address has it. @param {any} value @returns {string} */
export const writeValue = (value) =>
  [value].flat().map((part) => (typeof part === "number" ? String(Number(part.toFixed(4))) : String(part))).join(",");

/**
 * The state that an address tells, as far as it makes sense.
 * @param {string} hash
 * @param {Record<string, Bound>} bounds
 * @returns {Record<string, any>}
 */
export function readState(hash, bounds) {
  const told = new URLSearchParams(hash.replace(/^#/, ""));
  const values = Object.entries(bounds).map(([name, bound]) => [name, readValue(told.get(name) ?? "", bound)]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

/**
 * What differs from the first state, for an address.
 * @param {(name: string) => any} get a value by name
 * @param {Record<string, any>} first
 * @param {Record<string, Bound>} bounds
 * @returns {string}
 */
export function writeState(get, first, bounds) {
  const changed = Object.keys(bounds).filter((name) => writeValue(get(name)) !== writeValue(first[name]));
  return changed.map((name) => `${name}=${encodeURIComponent(writeValue(get(name))).replaceAll("%2C", ",")}`).join("&");
}

/**
 * A model as anywidget's, of plain values.
 * @param {Record<string, any>} values
 * @param {() => void} saved
 * @returns {Model}
 */
export function makeModel(values, saved = () => {}) {
  /** @type {Map<any, Set<any>>} */
  const handlers = new Map();
  const of = (/** @type {any} */ event) => handlers.get(event) ?? new Set();
  const model = {
    get: (/** @type {string} */ name) => values[name],
    set(/** @type {string} */ name, /** @type {any} */ value) {
      if (JSON.stringify(values[name]) === JSON.stringify(value)) return;
      values[name] = value;
      for (const handler of [...of(`change:${name}`)]) handler();
    },
    save_changes: saved,
    on: (/** @type {string} */ event, /** @type {() => void} */ handler) => void handlers.set(event, of(event).add(handler)),
    off: (/** @type {string} */ event, /** @type {() => void} */ handler) => void of(event).delete(handler),
  };
  return /** @type {any} */ (model); // what only a notebook's has, demos do not use
}

/**
 * Show a demo in an element.
 * @param {Render} render
 * @param {Record<string, any>} data all that Python tells
 * @param {HTMLElement} el
 * @param {string} state where to begin, as an address has it; what makes no sense is left out
 * @param {(state: string) => void} changed told the state, likewise, whenever it has changed
 * @returns {{ go: (state: string) => void, close: () => void }} to go to another state, and to end
 */
export function showDemo(render, data, el, state, changed) {
  const { bounds } = data;
  const first = Object.fromEntries(Object.keys(bounds).map((name) => [name, data[name]]));
  const model = makeModel({ ...data, ...readState(state, bounds) }, () => {
    const now = writeState(model.get, first, bounds);
    if (now !== last) changed(now);
    last = now;
  });
  let last = writeState(model.get, first, bounds);
  const close = render({ model, el });
  function go(/** @type {string} */ to) {
    for (const [name, value] of Object.entries({ ...first, ...readState(to, bounds) })) model.set(name, value);
    last = writeState(model.get, first, bounds);
  }
  return { go, close };
}

/** A page of its own: data and element lie in it, the state in its address. @param {Render} render */
export async function openPage(render) {
  const data = JSON.parse(document.getElementById("dilviz-data")?.textContent ?? "{}");
  await new Promise((next) => setTimeout(next)); // what follows is a task of its own: the page answers in between
  const el = /** @type {HTMLElement} */ (document.getElementById("dilviz"));
  const address = keepAddress();
  const demo = orSay(el, () => showDemo(render, data, el, location.hash, address.tell));
  addEventListener("hashchange", () => {
    address.drop();
    demo.go(location.hash);
  });
  if (parent !== window) talkToParent();
  performance.mark("dilviz:ready");
}

/** Where it cannot be shown, an empty page would tell nothing. @template T @param {HTMLElement} el @param {() => T} make @returns {T} */
function orSay(el, make) {
  try {
    return make();
  } catch (error) {
    el.textContent = `This demo cannot run here (${error}).`;
    throw error;
  }
}

const RARELY = 500; // milliseconds: browsers refuse an address that changes a hundred times in half a minute

/** Keeps the state in the address, without a new entry in the history. */
function keepAddress() {
  let [state, waiting] = ["", 0];
  function save() {
    waiting = 0;
    const to = new URL(location.href);
    to.hash = state;
    try {
      history.replaceState(null, "", to);
    } catch {
      // some frames may not: there the state is in the picture alone
    }
  }
  return {
    tell(/** @type {string} */ now) {
      state = now;
      waiting ||= setTimeout(save, RARELY);
    },
    drop() {
      clearTimeout(waiting);
      waiting = 0;
    },
  };
}

/** Tell the page around how high this one is, and hear from it, and from it alone, on what this one stands. */
function talkToParent() {
  const page = document.documentElement;
  let [wide, high] = [0, 0];
  const tell = (ready = false) => {
    const { width, height } = document.body.getBoundingClientRect();
    high = width === wide ? Math.max(high, height) : height; // words come and go: the text below is not to jump
    wide = width;
    parent.postMessage({ dilviz: { ready, height: Math.ceil(high) } }, "*"); // whoever frames it may know that
  };
  page.dataset.framed = "";
  document.querySelector("[role=main]")?.removeAttribute("role"); // the page around has a main part of its own
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || !data?.dilviz) return;
    const { scheme, paper } = data.dilviz;
    if (scheme !== "dark" && scheme !== "light") return;
    [page.dataset.scheme, page.dataset.framed] = [scheme, "followed"];
    if (CSS.supports("color", String(paper))) page.style.setProperty("--dilviz-page-paper", paper);
    else page.style.removeProperty("--dilviz-page-paper");
    tell();
  });
  new ResizeObserver(() => tell()).observe(document.body);
  tell(true);
}
