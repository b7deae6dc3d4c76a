import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { barPlot, pointPlot } from "../../src/circuits/svg-plot.js";

const parse = (svg: string) => parseHTML(svg).document;
const numbers = (elements: Iterable<Element>, attribute: string) =>
  [...elements].map((element) => Number(element.getAttribute(attribute)));

test("bars are as long as their values, and start where zero is", () => {
  const document = parse(
    barPlot({
      ...{ title: "Loss <of> a & b", axis: "nats", lines: [{ label: "target 2", value: 2 }] },
      bars: [
        { label: "one", value: 1 },
        { label: "four", value: 4 },
        { label: "minus", value: -1 },
        { label: "none", value: null },
      ],
    }),
  );
  const [, one, four, minus] = document.querySelectorAll("rect");
  const [widths, lefts] = ["width", "x"].map((name) => numbers([one, four, minus], name));
  expect(widths[1] / widths[0]).toBeCloseTo(4, 1);
  expect(widths[2]).toBeCloseTo(widths[0], 0);
  expect(lefts[0]).toBe(lefts[1]);
  expect(lefts[2] + widths[2]).toBeCloseTo(lefts[0], 0);
  // The line for 2 is twice as far from zero as the end of 1.
  const line = document.querySelector("line[stroke-dasharray]")!;
  expect((Number(line.getAttribute("x1")) - lefts[0]) / widths[0]).toBeCloseTo(2, 1);
  const texts = [...document.querySelectorAll("text")].map(({ textContent }) => textContent);
  expect(texts).toEqual(expect.arrayContaining(["Loss <of> a & b", "target 2", "not measured", "nats"]));
});

test("points are where their values are, whatever the values", () => {
  const draw = (points: [number, number][]) =>
    parse(
      pointPlot({
        ...{ title: "t", x: "share", y: "loss", points },
        ...{ horizontal: [{ label: "target", value: 0.5 }], vertical: [{ label: "v", value: 0.5 }] },
      }),
    );
  const document = draw([
    [0, 0],
    [0.5, 0.5],
    [1, 1],
  ]);
  const circles = [...document.querySelectorAll("circle")];
  const [x, y] = ["cx", "cy"].map((name) => numbers(circles, name));
  expect(x[1] - x[0]).toBeCloseTo(x[2] - x[1], 0);
  expect(y[0] - y[1]).toBeCloseTo(y[1] - y[2], 0);
  expect(y[0]).toBeGreaterThan(y[2]);
  const [vertical, horizontal] = document.querySelectorAll("line[stroke-dasharray]");
  expect(Number(vertical.getAttribute("x1"))).toBeCloseTo(x[1], 0);
  expect(Number(horizontal.getAttribute("y1"))).toBeCloseTo(y[1], 0);
  for (const points of [
    [],
    [[0, 0]],
    [
      [0.2, 0.2],
      [0.2, 0.2],
    ],
  ] as [number, number][][]) {
    expect(draw(points).toString()).not.toMatch(/NaN|Infinity/);
  }
});
