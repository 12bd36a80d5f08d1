// In a page that shows demos in frames: each frame gets as high as its page, stands on the paper around it, and goes where
// links of the text lead. A post with several demos brings this file several times; the first time counts.

import { lookOf, watchLook } from "./look.js";

const HIGHEST = 10_000; // pixels; no demo is

const frames = () => /** @type {HTMLIFrameElement[]} */ ([...document.querySelectorAll("iframe[data-dilviz]")]);

/** @type {WeakMap<HTMLIFrameElement, string>} */
const told = new WeakMap();

/** Tell a frame on what it stands. @param {HTMLIFrameElement} frame */
function tell(frame) {
  const look = lookOf(/** @type {Element} */ (frame.parentElement));
  told.set(frame, JSON.stringify(look));
  frame.contentWindow?.postMessage({ dilviz: look }, "*"); // its page is sandboxed: it has no origin to be named
}

/** Tell those frames whose surroundings have changed. */
function tellAnew() {
  for (const frame of frames()) {
    if (told.get(frame) !== JSON.stringify(lookOf(/** @type {Element} */ (frame.parentElement)))) tell(frame);
  }
}

/** Hear a frame. @param {MessageEvent} event */
function hear({ source, data }) {
  const frame = frames().find(({ contentWindow }) => contentWindow === source);
  if (!frame || !data?.dilviz) return;
  const { ready, height } = data.dilviz;
  if (ready) tell(frame);
  if (!(height > 0 && height < HIGHEST)) return;
  frame.style.boxSizing = "content-box"; // a theme's rim is not to be counted
  frame.style.height = `${Math.ceil(height)}px`;
  const figure = frame.closest("figure");
  if (figure) figure.style.marginInline = "0"; // a browser's own margin would take 80 pixels of a phone
}

/** @type {WeakSet<Element>} */
const led = new WeakSet();

/** A link to a demo's page goes to the frame that shows it already. @param {MouseEvent} event */
function lead({ target }) {
  const link = /** @type {Element} */ (target).closest("a");
  if (!link?.hash || (link.target && !led.has(link))) return;
  const file = (/** @type {string} */ address) => address.replace(/#.*/, "");
  const frame = frames().find(({ src }) => file(src) === file(link.href));
  if (!frame) return;
  link.target = frame.name;
  led.add(link);
  frame.scrollIntoView({ block: "nearest" });
}

const page = /** @type {any} */ (window);
if (!page.dilvizFrames) {
  page.dilvizFrames = true;
  addEventListener("message", hear);
  addEventListener("click", lead, { capture: true });
  watchLook(tellAnew);
}
