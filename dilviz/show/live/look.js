// On what a demo stands in the page of somebody else: light or dark, and the colour of the paper. It goes by colours as
// they come out, not by names, so that it is right in any theme.

/** @typedef {{ scheme: "light" | "dark", paper: string }} Look the paper is "" where none can be told */

/**
 * What a colour is like that the browser has worked out.
 * @param {string} color such as "rgb(1, 2, 3)" or "oklch(0.2 0.1 30 / 0.5)"
 * @returns {{ light: number, alpha: number }} from 0, black or clear, to 1, white or solid
 */
export function readColor(color) {
  const [, name = "", inner = ""] = /^([\w-]+)\((.*)\)$/.exec(color.trim()) ?? [];
  const parts = inner.split(/[\s,/]+/);
  if (name === "color") parts.shift(); // the name of its space
  const [a = 0, b = 0, c = 0, alpha = 1] = parts.map((part) => Number.parseFloat(part) || 0);
  if (name.startsWith("ok")) return { light: a, alpha };
  if (name === "lab" || name === "lch") return { light: a / 100, alpha };
  return { light: (0.2126 * a + 0.7152 * b + 0.0722 * c) / (name === "color" ? 1 : 255), alpha };
}

/** What is around an element. @param {Element} element @returns {Look} */
export function lookOf(element) {
  const dark = readColor(getComputedStyle(element).color).light > 0.5; // light ink
  const paper = paperOf(element);
  const fits = paper && readColor(paper).light < 0.5 === dark; // else a picture lies between the two
  return { scheme: dark ? "dark" : "light", paper: fits ? paper : "" };
}

/** The nearest colour behind an element that hides what is behind it. @param {Element | null} element */
function paperOf(element) {
  for (let at = element; at; at = at.parentElement ?? /** @type {any} */ (at.getRootNode()).host ?? null) {
    const { backgroundColor } = getComputedStyle(at);
    if (readColor(backgroundColor).alpha > 0.9) return backgroundColor;
  }
  return "";
}

/**
 * Look now, and again whenever a theme may have changed: an attribute of the page, the system's wish, the end of a fade.
 * @param {() => void} look
 * @returns {() => void} ends it
 */
export function watchLook(look) {
  const life = new AbortController();
  const themes = new MutationObserver(look);
  for (const node of [document.documentElement, document.body]) themes.observe(node, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look, life);
  const faded = (/** @type {TransitionEvent} */ { propertyName }) => propertyName.includes("color") && look();
  document.addEventListener("transitionend", faded, life);
  look();
  return () => {
    themes.disconnect();
    life.abort();
  };
}
