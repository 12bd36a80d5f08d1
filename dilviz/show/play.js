// A button that moves a slider, one step an interval, to its end. Pressed at the end it begins anew.
// (ipywidgets' Play is one more model that follows the slider, which costs every drag a second message to the kernel.)

const SOON = 20; // milliseconds until a kernel that is at work is looked at again

/** @param {View} view */
function render({ model, el }) {
  const life = new AbortController();
  const root = el.appendChild(document.createElement("div"));
  root.className = "jupyter-widgets widget-play";
  const button = root.appendChild(document.createElement("button"));
  button.className = "jupyter-button";
  const found = model.widget_manager.get_model(model.get("slider").slice("IPY_MODEL_".length));
  /** @type {number | undefined} */
  let timer;

  function show(playing) {
    button.textContent = playing ? "❚❚ Pause" : "▶ Play";
    button.setAttribute("aria-label", playing ? "Pause" : "Play");
  }
  function stop() {
    clearTimeout(timer);
    timer = undefined;
    show(false);
  }
  function move(slider, value) {
    slider.set("value", value);
    slider.save_changes();
  }
  function step(slider) {
    // ipywidgets counts what the kernel has not answered yet: a slow kernel is waited for, or the picture would jump.
    if (slider._pending_msgs > 0) {
      timer = setTimeout(step, SOON, slider);
      return;
    }
    const next = slider.get("value") + slider.get("step");
    if (next > slider.get("max")) return stop();
    move(slider, next);
    timer = setTimeout(step, model.get("interval"), slider);
  }
  async function press() {
    const slider = await found;
    if (timer !== undefined) return stop();
    show(true);
    if (slider.get("value") + slider.get("step") > slider.get("max")) move(slider, slider.get("min"));
    timer = setTimeout(step, model.get("interval"), slider);
  }

  show(false);
  button.addEventListener("click", press, { signal: life.signal });
  return () => {
    life.abort();
    clearTimeout(timer);
  };
}

export default { render };
