import { select } from "d3-selection";
import { curveMonotoneY, line } from "d3-shape";
import { type ZoomBehavior, type ZoomTransform, zoom, zoomIdentity } from "d3-zoom";
import { memo } from "preact/compat";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { signedColour, textOn } from "../parts/tokens.js";
import type { Graph, GraphEdge, GraphNode } from "./build.js";
import { isLarge, type Layout, NODE_HEIGHT, nodeWidth, type Point } from "./layout.js";

export interface GraphViewProps {
  readonly graph: Graph;
  readonly layout: Layout;
  /** Signed strength of each node, from -1 to 1; missing: not known. */
  readonly strengths: ReadonlyMap<string, number>;
  /** What a node's strength means, with its unit: for its title. */
  readonly describe: (node: GraphNode) => string;
  readonly picked: string | null;
  readonly onPick: (node: string | null) => void;
  readonly off: ReadonlySet<string>;
  readonly set: ReadonlySet<string>;
  readonly onToggle: (node: string) => void;
  /** Nodes and edges weaker than these are hidden. */
  readonly minimumWeight: number;
  readonly hidden: ReadonlySet<string>;
  readonly found: ReadonlySet<string>;
  /** The parent asks for a fit by changing it. */
  readonly fit: number;
}

const curve = line<Point>(
  ({ x }) => x,
  ({ y }) => y,
).curve(curveMonotoneY);

/** Widest edge, in pixels. */
const WIDEST = 5;
/** Opacity of the weakest. */
const FAINTEST = 0.4;

export function GraphView(props: GraphViewProps) {
  const { graph, layout, picked, onPick, onToggle, fit, found } = props;
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLDivElement>(null);
  const labels = useRef<HTMLDivElement>(null);
  const behaviour = useRef<ZoomBehavior<HTMLDivElement, unknown> | null>(null);

  // Panning moves one layer of the page: nothing is drawn anew.
  useLayoutEffect(() => {
    const element = frame.current!;
    let settle: ReturnType<typeof setTimeout> | undefined;
    const move = ({ x, y, k }: ZoomTransform) => {
      canvas.current!.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
      labels.current!.style.transform = `translateY(${y}px)`;
      labels.current!.style.setProperty("--k", String(k));
      canvas.current!.style.willChange = "transform";
      clearTimeout(settle);
      // Sharp again.
      settle = setTimeout(() => {
        if (canvas.current) canvas.current.style.willChange = "auto";
      }, 250);
    };
    behaviour.current = zoom<HTMLDivElement, unknown>()
      .scaleExtent([0.05, 4])
      .on("zoom", ({ transform }: { transform: ZoomTransform }) => move(transform));
    const selection = select(element).call(behaviour.current).on("dblclick.zoom", null);
    return () => {
      clearTimeout(settle);
      selection.on(".zoom", null);
    };
  }, []);

  const fitAll = () => {
    const { clientWidth, clientHeight } = frame.current!;
    const labels = labelsBeside(clientWidth);
    const room = clientWidth - labels;
    const scale = Math.min(room / layout.width, clientHeight / layout.height, 1.6);
    // Small enough to be seen whole, but not too small to be read: then its middle, from the top.
    const k = Math.max(scale, LEGIBLE);
    const x = labels + (room - layout.width * k) / 2;
    const y = Math.max(labels === 0 ? LABEL_HEIGHT : 0, (clientHeight - layout.height * k) / 2);
    select(frame.current!).call(behaviour.current!.transform, zoomIdentity.translate(x, y).scale(k));
  };
  useLayoutEffect(fitAll, [layout, fit]);

  // What was searched for, or chosen elsewhere, comes into sight.
  const target = found.size === 1 ? [...found][0] : picked;
  useEffect(() => {
    const at = target && layout.nodes.get(target);
    if (!at) return;
    const { clientWidth, clientHeight } = frame.current!;
    const { k, x, y } = transformOf(frame.current!);
    const [sx, sy] = [at.x * k + x, at.y * k + y];
    const labels = labelsBeside(clientWidth);
    if (sx > labels && sx < clientWidth - 30 && sy > 20 && sy < clientHeight - 20) return;
    const moved = zoomIdentity.translate((clientWidth + labels) / 2 - at.x * k, clientHeight / 2 - at.y * k);
    select(frame.current!).call(behaviour.current!.transform, moved.scale(k));
  }, [target, layout]);

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) {
      event.preventDefault();
      const next = neighbour(props, step[0], step[1]);
      if (next) onPick(next);
    } else if ((event.key === "Delete" || event.key === "Backspace" || event.key === "x") && picked) {
      event.preventDefault();
      onToggle(picked);
    } else if (event.key === "Escape") onPick(null);
    else if (event.key === "f") fitAll();
    else if (event.key === "+" || event.key === "-") {
      select(frame.current!).call(behaviour.current!.scaleBy, event.key === "+" ? 1.25 : 0.8);
    }
  };

  return (
    <div
      ref={frame}
      class="graph"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys go from node to node.
      tabIndex={0}
      aria-label={`Circuit of ${graph.nodes.filter(({ kind }) => kind === "node").length} nodes. Arrow keys go from node to node, x switches one off or on, f shows all, plus and minus zoom.`}
      aria-activedescendant={picked ? domId(picked) : undefined}
      onKeyDown={onKeyDown}
      onClick={(event) => {
        const node = (event.target as Element).closest("[data-node]")?.getAttribute("data-node");
        if (node) onPick(node);
      }}
      onDblClick={(event) => {
        const node = (event.target as Element).closest("[data-node]")?.getAttribute("data-node");
        if (node && !node.includes("embedding")) onToggle(node);
      }}
    >
      <div ref={canvas} class="graph-canvas">
        <svg width={layout.width} height={layout.height} aria-hidden={graph.nodes.length === 0}>
          <title>Nodes of the circuit, and the weights between them</title>
          <Edges {...props} />
          <Nodes {...props} />
        </svg>
      </div>
      <div ref={labels} class="graph-rows" aria-hidden="true">
        {graph.rows.map(({ name }, i) => {
          const { top, bottom } = layout.rows[i];
          return (
            <span key={name} style={{ "--top": `${top}px`, "--middle": `${(top + bottom) / 2}px` }}>
              {name.replace("attn.qkv", "attn.q,k,v")}
            </span>
          );
        })}
      </div>
    </div>
  );
}

/** Below this scale, labels can hardly be read. */
const LEGIBLE = 0.43;

/** Pixels at the left where rows are named; in a narrow frame they are named above (style.css), and nothing is left free. */
const LABELS = 132;
const LABEL_HEIGHT = 18;
const labelsBeside = (frameWidth: number) => (frameWidth <= 500 ? 0 : LABELS);

function transformOf(element: Element): ZoomTransform {
  return (element as unknown as { __zoom?: ZoomTransform }).__zoom ?? zoomIdentity;
}

export function domId(node: string): string {
  return `node-${node.replace(/[^\w-]/g, "_")}`;
}

const Edges = memo(
  ({ graph, layout, picked, off, hidden, minimumWeight }: GraphViewProps) => {
    const largest = useMemo(
      () => Math.max(1e-9, ...graph.edges.map(({ weight }) => Math.abs(weight))),
      [graph],
    );
    const streamWidth = isLarge(graph) ? 2.5 : 4;
    const paths = useMemo(() => layout.edges.map((points) => curve(points as Point[]) ?? ""), [layout]);
    return (
      <g fill="none">
        {graph.edges.map((edge, i) => {
          const { source, target, kind, weight } = edge;
          if (hidden.has(source) || hidden.has(target)) return null;
          const share = Math.abs(weight) / largest;
          if (kind === "weight" && share < minimumWeight) return null;
          const touched = picked !== null && (source === picked || target === picked);
          return (
            <path
              key={`${source} ${target}`}
              d={paths[i]}
              class={edgeClass(edge, touched, picked !== null, off)}
              stroke-width={kind === "stream" ? streamWidth : (0.8 + (WIDEST - 0.8) * share).toFixed(2)}
              stroke-opacity={kind === "stream" ? undefined : (FAINTEST + (1 - FAINTEST) * share).toFixed(2)}
            />
          );
        })}
      </g>
    );
  },
  (before, after) =>
    before.graph === after.graph &&
    before.layout === after.layout &&
    before.picked === after.picked &&
    before.off === after.off &&
    before.hidden === after.hidden &&
    before.minimumWeight === after.minimumWeight,
);

function edgeClass(
  { kind, weight, source, target, membership }: GraphEdge,
  touched: boolean,
  isPicking: boolean,
  off: ReadonlySet<string>,
): string {
  const names: string[] = [kind === "stream" ? "stream" : weight < 0 ? "negative" : "positive"];
  if (touched) names.push("touched");
  else if (isPicking && kind === "weight") names.push("dim");
  if (kind === "weight" && (off.has(source) || off.has(target))) names.push("cut");
  if (membership !== "both") names.push(membership);
  return names.join(" ");
}

function Nodes(props: GraphViewProps) {
  const { graph, layout, strengths, describe, picked, off, set, hidden, found } = props;
  return (
    <g>
      {graph.nodes.map((node) => {
        if (hidden.has(node.id)) return null;
        const { x, y } = layout.nodes.get(node.id)!;
        const names = [node.kind === "end" ? "end" : "node", node.membership];
        if (node.id === picked) names.push("picked");
        if (off.has(node.id)) names.push("off");
        if (set.has(node.id)) names.push("set");
        if (found.has(node.id)) names.push("found");
        return (
          <Node
            key={node.id}
            {...{ node, x, y, names: names.join(" ") }}
            strength={strengths.get(node.id) ?? null}
            description={describe(node)}
          />
        );
      })}
    </g>
  );
}

interface NodeProps {
  readonly node: GraphNode;
  readonly x: number;
  readonly y: number;
  readonly names: string;
  readonly strength: number | null;
  readonly description: string;
}

const Node = memo(
  ({ node, x, y, names, strength, description }: NodeProps) => {
    const width = nodeWidth(node);
    const isOff = names.split(" ").includes("off");
    const fill = isOff ? "var(--surface)" : strength === null ? undefined : signedColour(strength);
    return (
      <g
        id={domId(node.id)}
        data-node={node.id}
        class={names}
        transform={`translate(${x},${y})`}
        aria-label={description}
      >
        <title>{description}</title>
        <rect
          x={-width / 2}
          y={-NODE_HEIGHT / 2}
          width={width}
          height={NODE_HEIGHT}
          rx={node.location.endsWith("post_act") || /attn\.[qkv]$/.test(node.location) ? 10 : 3}
          style={fill && { fill }}
        />
        <text dy="0.35em" style={strength !== null && !isOff ? { fill: textOn(strength) } : undefined}>
          {node.label}
        </text>
      </g>
    );
  },
  (before, after) =>
    before.x === after.x &&
    before.y === after.y &&
    before.names === after.names &&
    before.strength === after.strength &&
    before.description === after.description &&
    before.node === after.node,
);

/** The node that an arrow key leads to: in its row, or the nearest in the next row that has any. */
function neighbour({ graph, layout, picked, hidden }: GraphViewProps, dx: number, dy: number): string | null {
  const all = graph.nodes.filter(({ kind, id }) => kind === "node" && !hidden.has(id));
  const from = all.find(({ id }) => id === picked);
  if (!from) return all[0]?.id ?? null;
  const at = layout.nodes.get(from.id)!;
  const distance = ({ id }: GraphNode) => Math.abs(layout.nodes.get(id)!.x - at.x);
  const rows = [...new Set(all.map(({ row }) => row))].sort((a, b) => a - b);
  const row = dy === 0 ? from.row : rows[rows.indexOf(from.row) + dy];
  const candidates = all
    .filter((node) => node.row === row && node !== from)
    .filter(({ id }) => dx === 0 || Math.sign(layout.nodes.get(id)!.x - at.x) === dx)
    .sort((a, b) => distance(a) - distance(b));
  return candidates[0]?.id ?? null;
}
