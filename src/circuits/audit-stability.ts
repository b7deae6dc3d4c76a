import type { AuditCriterion } from "./audit-criterion.js";
import type { AuditSubject } from "./audit-subject.js";
import { chanceJaccard, jaccard, meanOverPairs } from "./node-overlap.js";

/** Least mean overlap of circuits that count as the same. */
export const STABLE_OVERLAP = 0.5;
/** How many times the smallest the largest of them may be. */
export const STABLE_SIZES = 2;

export interface StabilityMeasures {
  /** Of the circuit itself, then of each further search. */
  readonly circuits: readonly {
    /** null: of the circuit that is audited. */
    readonly seed: number | null;
    readonly nodes: number;
    readonly reached: boolean;
    /** Nodes that it shares with the circuit that is audited, as a part of those that either has. */
    readonly jaccard: number;
  }[];
  /** Mean Jaccard index of any two. */
  readonly jaccard: number;
  /** The same of random nodes, as many at each location. */
  readonly chance: number;
  /** Nodes that all of them have. */
  readonly common: readonly string[];
}

/** What a further search ended with. */
export interface FurtherSearch {
  readonly seed: number;
  readonly nodes: readonly number[];
  readonly reached: boolean;
}

/** Another seed of the search finds about the same nodes, and about as many. */
export function auditStability(
  { index, nodes }: Pick<AuditSubject, "index" | "nodes">,
  searches: readonly FurtherSearch[],
): AuditCriterion<"stability", StabilityMeasures> {
  const sets = [nodes, ...searches.map((search) => search.nodes)];
  const sizes = sets.map((set) => set.length);
  const [smallest, largest] = [Math.min(...sizes), Math.max(...sizes)];
  const overlap = meanOverPairs(sets, jaccard);
  const chance = meanOverPairs(sets, (a, b) => chanceJaccard(index, a, b));
  const common = nodes.filter((node) => sets.every((set) => set.includes(node)));
  const missed = searches.filter(({ reached }) => !reached).length;
  return {
    name: "stability",
    held: missed === 0 && overlap >= STABLE_OVERLAP && largest <= STABLE_SIZES * smallest,
    summary: `mean Jaccard index of the nodes of circuits from ${sets.length} searches ${overlap.toFixed(3)} (at least ${STABLE_OVERLAP}), by chance ${chance.toFixed(3)}; ${smallest} to ${largest} nodes (at most ${STABLE_SIZES} times as many), ${common.length} in all${missed > 0 ? `; ${missed} missed the target` : ""}`,
    measures: {
      circuits: [
        { seed: null, nodes: nodes.length, reached: true, jaccard: 1 },
        ...searches.map((search) => ({
          ...{ seed: search.seed, nodes: search.nodes.length, reached: search.reached },
          jaccard: jaccard(nodes, search.nodes),
        })),
      ],
      ...{ jaccard: overlap, chance, common: common.map((node) => index.nameOf(node)) },
    },
  };
}
