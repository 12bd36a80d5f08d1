// A demo's page in a notebook, in a frame as a blog has it; frame.js, which stands ahead of this, looks after the frame.

/** @param {View} view */
function render({ model, el }) {
  const address = URL.createObjectURL(new Blob([model.get("page")], { type: "text/html" }));
  const frame = document.createElement("iframe");
  const look = { title: model.get("label"), sandbox: model.get("sandbox"), width: "100%", height: model.get("height") };
  for (const [name, value] of Object.entries({ ...look, frameborder: "0" })) frame.setAttribute(name, String(value));
  if (model.get("followed")) frame.dataset.dilviz = "";
  let there = false; // a page that is still coming is not sent elsewhere
  function go() {
    const to = `${address}#${model.get("state")}`;
    if (there && frame.getAttribute("src") !== to) frame.setAttribute("src", to);
  }
  frame.addEventListener("load", () => {
    there = true;
    go();
  });
  model.on("change:state", go);
  frame.setAttribute("src", `${address}#${model.get("state")}`);
  el.append(frame);
  return () => {
    model.off("change:state", go);
    frame.remove();
    URL.revokeObjectURL(address);
  };
}

export default { render };
