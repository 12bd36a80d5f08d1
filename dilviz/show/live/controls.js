// Handles to drag and native controls, each with a label; all can be reached and moved by keys.

import { add } from "./stage.js";

/** @import { Frame, Stage } from "./stage.js" */

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
  /** @type {{ pointer: number, off: Point } | null} */
  let grip = null; // which pointer holds it, and from there to the handle's middle, in pixels
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
  function end(/** @type {PointerEvent} */ { pointerId }) {
    if (grip?.pointer !== pointerId) return;
    grip = null;
    drag(false);
    stage.say(`${name}: ${says()}`);
  }
  stage.listen(button, "pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    const [[x, y], [u, v]] = [frame().at(place()), pixel(event)];
    grip = { pointer: event.pointerId, off: [x - u, y - v] };
    button.setPointerCapture(event.pointerId);
    drag(true);
  });
  stage.listen(button, "pointermove", (event) => {
    if (!grip || grip.pointer !== event.pointerId) return; // none, or another finger
    const [u, v] = pixel(event);
    move(frame().back([u + grip.off[0], v + grip.off[1]]));
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
export function labelled(stage, text, parent = stage.bar) {
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
