// A live demo as a module for pages of one's own: it brings its style, and follows the page's theme.

import { lookOf, watchLook } from "./look.js";
import { showDemo } from "./page.js";
import { add } from "./stage.js";

/**
 * Put a demo into an element.
 * @param {(view: View) => () => void} render
 * @param {Record<string, any>} data all that Python tells
 * @param {string} css
 * @param {HTMLElement} el
 * @param {string} state where to begin, as an address has it: "seed=7&tree=0.4,0.5"
 * @param {(state: string) => void} changed told the state, likewise, whenever it has changed
 * @returns {{ go: (state: string) => void, close: () => void }} to go to another state, and to end
 */
export function placeDemo(render, data, css, el, state, changed) {
  if (!(el instanceof HTMLElement)) throw new TypeError(`mount takes an element of the page, not ${el}`);
  const dress = dresser(el, css);
  const demo = showDemo(render, data, el, String(state ?? ""), changed);
  const caption = data.caption && add(el, "p", {}, data.caption);
  let last = "";
  const unwatch = watchLook(() => {
    const { paper } = lookOf(el);
    if (paper !== last) el.style.setProperty("--dilviz-page-paper", paper);
    last = paper;
  });
  function close() {
    unwatch();
    demo.close();
    caption?.remove();
    dress.remove();
  }
  return { go: demo.go, close };
}

/** Lends the style to the tree in which an element stands: a document's, or a shadow's. @param {HTMLElement} el @param {string} css */
function dresser(el, css) {
  const root = el.isConnected ? /** @type {Document | ShadowRoot} */ (el.getRootNode()) : document;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets.push(sheet);
  return {
    remove() {
      root.adoptedStyleSheets = root.adoptedStyleSheets.filter((one) => one !== sheet);
    },
  };
}
