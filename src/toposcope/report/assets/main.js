// Everything is drawn once; figures that share a choice are drawn together.

if (DATA.claims.length) figure("tests", drawTests);
if (DATA.layers.length > 1) {
  const redraws = [figure("matrix", drawMatrix), figure("nets", drawNets)];
  drawMatrixControls(() => redraws.forEach((redraw) => redraw()));
}
if (firstMap()) figure("map", drawMap);
figure("depth", drawDepth);
if (DATA.trainings.length) figure("training", drawTraining);
if (DATA.diagrams.layers.some(Boolean)) {
  const parts = [figure("layer", drawLayer), figure("pairs", drawPairs)];
  redrawPair = () => parts.forEach((redraw) => redraw());
}
if (HOLES) {
  redrawHoles = figure("holes", drawHoles);
  redrawTree = figure("tree", drawTree);
}

for (const [name, text] of Object.entries(DATA.files)) {
  const button = h("button", { type: "button" }, `Save ${name}`);
  button.addEventListener("click", () => {
    const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  document.getElementById("downloads").append(button);
}

// Paper has nothing to click: what is folded is opened for it.
const folded = [];
addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach((part) => { part.open = true; folded.push(part); }));
addEventListener("afterprint", () => { while (folded.length) folded.pop().open = false; });
