import { useEffect, useRef } from "preact/hooks";

type PlotModule = typeof import("@observablehq/plot");

export interface ChartProps {
  /** What is to be seen, for those who do not see it. */
  readonly label: string;
  /** Draws it, as wide as there is room. */
  readonly draw: (plot: PlotModule, width: number) => Element;
  /** It is drawn anew when one of these changes. */
  readonly of: readonly unknown[];
  readonly caption?: string;
}

/** A chart by Observable Plot, which comes when the first one is needed. */
export function Chart({ label, draw, of, caption }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let isGone = false;
    let width = 0;
    const show = async () => {
      const plot = await import("@observablehq/plot");
      if (isGone || !place.current) return;
      place.current.replaceChildren(draw(plot, width));
    };
    const observer = new ResizeObserver(([{ contentRect }]) => {
      if (Math.abs(contentRect.width - width) < 4 || contentRect.width === 0) return;
      width = contentRect.width;
      show();
    });
    observer.observe(place.current!);
    return () => {
      isGone = true;
      observer.disconnect();
    };
  }, of);
  return (
    <figure class="chart" role="img" aria-label={label}>
      <div ref={place} />
      {caption && <figcaption>{caption}</figcaption>}
    </figure>
  );
}

/** Sign by hue, strength by lightness, in the colours of the theme. */
export function signedScale(largest: number) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    ...{ type: "linear" as const, domain: [-largest, 0, largest] },
    range: [colour("--negative"), colour("--neutral"), colour("--positive")],
    interpolate: "lab" as const,
  };
}
