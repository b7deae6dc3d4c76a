// Pictures as files: Observable Plot draws into a document of linkedom.
import { writeFile } from "node:fs/promises";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

/** Okabe and Ito's palette: colour-blind readers tell them apart. */
export const COLORS = {
  blue: "#0072b2",
  vermilion: "#d55e00",
  green: "#009e73",
  grey: "#5f6670",
};

const SVG = "http://www.w3.org/2000/svg";

/**
 * Draws a plot into a file.
 * @param options Plot's own; what is given here goes over the style that all pictures share
 * @param title what the picture says, for readers who do not see it
 */
export async function writePlot(file, options, title) {
  const { document } = parseHTML("<html></html>");
  const svg = Plot.plot({
    document,
    style: { fontFamily: "sans-serif", fontSize: "12px", color: "#24292f", background: "#fff" },
    ...options,
  });
  svg.setAttribute("xmlns", SVG);
  svg.setAttribute("role", "img");
  const background = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ width: "100%", height: "100%", fill: "#fff" })) {
    background.setAttribute(name, value);
  }
  const text = document.createElementNS(SVG, "title");
  text.textContent = title;
  // Plot's rules for pages, of no use in a file.
  svg.querySelector("style").remove();
  svg.prepend(text, background);
  await writeFile(file, `${svg.outerHTML}\n`);
}
