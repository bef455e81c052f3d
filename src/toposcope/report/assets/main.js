// Everything is drawn once; figures that share a choice are drawn together.

function drawEverything() {
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
  document.documentElement.dataset.drawn = "";
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView(); // it has moved down
}

// Words come first: charts are drawn as soon as the browser has painted those. It paints no tab that is not looked at.
let begun = false;
const begin = () => { if (!begun) { begun = true; drawEverything(); } };
if (document.hidden) begin(); else requestAnimationFrame(() => setTimeout(begin));
addEventListener("beforeprint", begin);

function unzipped(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).blob();
}

for (const [name, text] of Object.entries(DATA.files)) {
  const button = h("button", { type: "button" }, `Save ${name}`);
  button.addEventListener("click", () => {
    unzipped(text).then((csv) => {
      const link = h("a", { href: URL.createObjectURL(new Blob([csv], { type: "text/csv;charset=utf-8" })), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  });
  document.getElementById("downloads").append(button);
}

// Paper has nothing to click: what is folded is opened for it, unless it would fill pages and pages.
const folded = [], PRINTED_ROWS = 90;
addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach((part) => {
  if (part.querySelectorAll("tr").length > PRINTED_ROWS) return;
  part.open = true;
  folded.push(part);
}));
addEventListener("afterprint", () => { while (folded.length) folded.pop().open = false; });
