// Recorded rollouts, played in step: trajectories in one scene, or films side by side. What was done is computed in
// Python; here it is only shown.

import { addTransport, calm } from "./clock.js";
import { addSlider } from "./controls.js";
import { placeLabels } from "./labels.js";
import { clamp } from "./numbers.js";
import { crowded, heightOf, marksAt } from "./player_layout.js";
import { drawBackground, drawFilms, drawLabels, drawMark, drawNames, drawTrail } from "./player_picture.js";
import { add, makeFrame, openStage } from "./stage.js";

/** @import { Recording } from "./player_layout.js" */

const HOLD = 75; // sixtieths of a second that the end stands before it begins anew

/** @param {View<{ scene: Recording, roles: Record<string, any>, bounds: Record<string, any>, at: number, playing: boolean }>} view */
function render({ model, el }) {
  const roles = model.get("roles");
  let scene = model.get("scene");
  let [step, held] = [0, 0];
  let fresh = true; // what is seen is a glimpse that no hand has chosen: play begins at the start
  /** @type {HTMLImageElement[][]} */ let images = [];
  /** @type {ReturnType<typeof placeLabels>} */ let boxes = [];
  const stage = openStage({ model, el, label: scene.caption, height: (width) => heightOf(scene, width) });
  const { seed } = model.get("bounds");
  if (seed) addSlider(stage, "seed", { label: "seed", low: seed.low, high: seed.high, settled: true }); // Python records anew

  function when() {
    if (scene.timed) return [step, scene.last].map((at) => `${(at / scene.rate).toFixed(1)} s`).join(" of ");
    return `step ${Math.round(step)} of ${scene.last}`;
  }
  /** @param {number} to */
  function go(to) {
    [step, held, fresh] = [clamp(to, 0, scene.last), 0, false];
  }
  function heard() {
    if (clock.playing && (fresh || step >= scene.last)) go(0);
    fresh = false;
    stage.set({ playing: clock.playing, at: Math.round(step) });
  }
  const clock = addTransport(stage, {
    tick(frames) {
      step = Math.min(step + (frames / 60) * scene.rate, scene.last);
      if (step < scene.last) return true;
      if (!held) stage.say(scene.caption);
      held += frames;
      return held < HOLD;
    },
    rewind: () => go(0),
    length: () => scene.last + 1,
    at: () => Math.round(step),
    seek: go,
    says: when,
    loop: model.get("playing"),
    heard,
  });
  const time = add(clock.row.querySelector(".time") ?? clock.row, "span", { class: "value", "aria-hidden": true });

  function begin() {
    scene = model.get("scene");
    images = scene.films.map(({ frames }) => frames.map(load));
    boxes = [];
    go(clock.playing ? 0 : model.get("at"));
    fresh = !clock.playing && !step;
    if (fresh) step = scene.glimpse;
    stage.words.textContent = scene.caption;
    stage.scene.querySelector("canvas")?.setAttribute("aria-label", scene.caption);
    clock.moved();
  }
  /** @param {string} source */
  function load(source) {
    const image = new Image();
    image.onload = () => stage.redraw();
    image.src = source;
    return image;
  }
  stage.onDraw((context) => {
    time.textContent = when();
    if (images.length) return drawFilms({ context, stage, roles, scene, step }, images);
    const frame = makeFrame({ left: 0, top: 0, width: stage.width, height: stage.height }, scene.x, scene.y);
    const picture = { context, stage, roles, scene, frame, step };
    const many = scene.tracks.length > 4;
    drawBackground(picture);
    for (const track of scene.tracks) drawTrail(picture, track, many);
    for (const track of scene.tracks) {
      context.save();
      drawMark(picture, track);
      context.restore();
    }
    drawNames(picture);
    context.font = "600 13px system-ui, sans-serif";
    const marks = marksAt(scene, frame, step, (text) => context.measureText(text).width);
    boxes = placeLabels(marks, { left: 0, right: stage.width, top: 0, low: stage.height }, crowded(scene, frame), boxes);
    drawLabels(picture, marks, boxes);
  });
  stage.onChange(["scene"], begin);
  stage.onChange(["at"], () => {
    if (model.get("at") === (fresh ? 0 : Math.round(step))) return;
    go(model.get("at"));
    clock.moved();
  });
  stage.onChange(["playing"], () => {
    if (model.get("playing") !== clock.playing) clock.play(model.get("playing"));
  });
  begin();
  if (model.get("playing") && !calm()) clock.play(true);
  return stage.close;
}

export default { render };
