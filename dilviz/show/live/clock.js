// The clock of a demo: play, pause, scrub and speed. It stops when nobody looks.

import { labelled } from "./controls.js";
import { add } from "./stage.js";

/** @import { Stage } from "./stage.js" */

const SPEEDS = /** @type {const} */ ([["¼", 0.25], ["½", 0.5], ["1", 1], ["2", 2], ["4", 4]]);
const FRAME_MS = 1000 / 60;

const still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");

/** Whether the reader has asked for as little movement as possible. */
export const calm = () => still.matches;

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
  stage.root.insertBefore(row, stage.bar);
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
    const frames = Math.min((now - last) / FRAME_MS, 4); // after a pause of the page it does not jump
    last = now;
    if (playing && stage.seen && !document.hidden) { // a beat may still come after a pause
      ended = !tick(frames * SPEEDS[speeds.selectedIndex][1]);
      if (ended && again?.checked) rewind();
      else if (ended) clock.play(false);
      follow();
      stage.redraw();
    }
    // After the picture: asked for before it, each beat would come too early for the next, and every second be left out.
    asked = playing ? requestAnimationFrame(beat) : 0;
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
  stage.listen(still, "change", () => calm() && clock.play(false));
  stage.onClose(() => cancelAnimationFrame(asked));
  clock.play(false);
  return clock;
}
