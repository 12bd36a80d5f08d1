// A picture with its caption. It draws what the model holds: a message that is late is overtaken, never queued.

const NARROW = 560; // pixels; below it panels stand one above the other
const CONFIG = { displayModeBar: false, doubleClick: false };

/** Plotly, loaded once a page: its text lies in one model that all plots of the kernel share. */
async function loadPlotly(model) {
  const library = await model.widget_manager.get_model(model.get("library").slice("IPY_MODEL_".length));
  globalThis.dilvizPlotly ??= evaluate(library.get("source"));
  return globalThis.dilvizPlotly;
}

/** Evaluates a UMD script as a module; a page's own `define` (RequireJS) must not take it. */
async function evaluate(script) {
  const text = `const define = undefined, module = { exports: {} }; ${script}; export default module.exports;`;
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** ipywidgets leaves the handles of sliders without a name, and JupyterLab takes the keys of all controls. */
function nameControls(explorer) {
  for (const control of explorer?.querySelectorAll("select, input, button, .noUi-handle") ?? []) {
    control.setAttribute("data-lm-suppress-shortcuts", "true"); // an arrow moves a choice, not to the next cell
  }
  for (const handle of explorer?.querySelectorAll(".noUi-handle") ?? []) {
    const label = handle.closest(".widget-inline-hbox")?.querySelector(".widget-label");
    if (label) handle.setAttribute("aria-label", label.textContent);
  }
}

/** The layout for a width; where there is little, `layout.meta.narrow` holds what changes: {"xaxis.domain": [0, 1]}.
    @template {{ meta?: { narrow?: Record<string, unknown> } }} Layout
    @param {Layout} layout @param {number} width @returns {Layout} */
export function fitted(layout, width) {
  if (width >= NARROW) return layout;
  for (const [path, value] of Object.entries(layout.meta?.narrow ?? {})) {
    const keys = path.split(".");
    const holder = keys.slice(0, -1).reduce((part, key) => part[key], /** @type {any} */ (layout));
    holder[keys[keys.length - 1]] = value;
  }
  return layout;
}

/** @param {View} view */
function render({ model, el }) {
  const life = new AbortController();
  const figure = document.createElement("figure");
  const plot = figure.appendChild(document.createElement("div"));
  const caption = figure.appendChild(document.createElement("figcaption"));
  plot.setAttribute("role", "img");
  caption.setAttribute("aria-live", "polite");
  el.append(figure);

  let waiting = false;
  let drawnAt = 0;
  async function draw() {
    if (waiting) return; // the draw that waits will see what has just changed
    waiting = true;
    const plotly = await loadPlotly(model);
    await new Promise((resolve) => setTimeout(resolve)); // lets messages that came meanwhile in first
    waiting = false;
    if (life.signal.aborted) return;
    const { data, layout } = structuredClone(model.get("figure")); // Plotly writes into what it is given
    drawnAt = figure.clientWidth;
    await plotly.react(plot, data, fitted(layout, drawnAt), CONFIG);
    nameControls(el.closest(".dilviz-explorer"));
  }
  function write() {
    caption.textContent = model.get("caption");
    plot.setAttribute("aria-label", model.get("caption"));
  }
  function resize() {
    if (!("data" in plot)) return; // Plotly has drawn nothing yet
    const turned = drawnAt < NARROW !== figure.clientWidth < NARROW;
    Promise.all([globalThis.dilvizPlotly, turned && draw()]).then(([plotly]) => plotly.Plots.resize(plot));
  }
  const resized = new ResizeObserver(resize);
  resized.observe(figure);
  model.on("change:figure", draw);
  model.on("change:caption", write);
  write();
  draw();
  return () => {
    life.abort();
    resized.disconnect();
    model.off("change:figure", draw);
    model.off("change:caption", write);
    globalThis.dilvizPlotly?.then((plotly) => plotly.purge(plot));
  };
}

export default { render };
