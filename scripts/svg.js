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

/** A row for each task, by its name: size, margins and axis. */
export function taskRows(tasks) {
  return {
    ...{ height: 80 + 22 * tasks.length, marginLeft: 170, marginTop: 44, marginBottom: 40 },
    y: { label: null, domain: tasks, grid: true },
  };
}

/** A logarithmic axis of sizes of circuits. */
export const sizeAxis = (label) => ({
  ...{
    type: "log",
    label,
    labelAnchor: "center",
    labelArrow: "none",
    grid: true,
    ticks: 4,
    tickFormat: "~s",
  },
});

const SVG = "http://www.w3.org/2000/svg";

/**
 * Draws a plot into a file.
 * @param options Plot's own; what is given here goes over the style that all pictures share
 * @param title what the picture says, for readers who do not see it
 * @param legend names and their colours, in the upper right corner
 */
export async function writePlot(file, options, title, legend = []) {
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
  if (legend.length > 0) {
    const names = document.createElementNS(SVG, "text");
    for (const [name, value] of [
      ["x", options.width - 20],
      ["y", 16],
      ["text-anchor", "end"],
    ]) {
      names.setAttribute(name, String(value));
    }
    for (const [name, color] of legend) {
      const part = document.createElementNS(SVG, "tspan");
      part.setAttribute("fill", color);
      part.setAttribute("dx", "14");
      part.textContent = `● ${name}`;
      names.append(part);
    }
    svg.append(names);
  }
  // Plot's rules for pages, of no use in a file.
  svg.querySelector("style").remove();
  svg.prepend(text, background);
  await writeFile(file, `${svg.outerHTML}\n`);
}
