import { SparseLensError } from "../errors.js";
import type { ModelDescription } from "./description.js";

/** Some channels side by side in the order of all nodes. */
export interface NodeLocation {
  /** Hook point. */
  readonly name: string;
  /** Channels. */
  readonly width: number;
  /** Number of its channel 0 among all nodes. */
  readonly offset: number;
}

export interface NodeIndexOptions {
  /** Count the channels of `final_resid` as nodes, as the released circuits do and the paper's appendix does not. */
  readonly finalResid?: boolean;
}

/** All nodes of a model in one order: location after location as they happen, channel after channel. */
export class NodeIndex {
  readonly locations: readonly NodeLocation[];
  /** Number of nodes. */
  readonly count: number;
  readonly #byName: ReadonlyMap<string, NodeLocation>;

  constructor({ hookPoints }: ModelDescription, { finalResid = false }: NodeIndexOptions = {}) {
    let offset = 0;
    this.locations = hookPoints
      .filter(({ name, isNodeLocation }) => isNodeLocation || (finalResid && name === "final_resid"))
      .map(({ name, width }) => {
        offset += width;
        return { name, width, offset: offset - width };
      });
    this.count = offset;
    this.#byName = new Map(this.locations.map((location) => [location.name, location]));
  }

  /** @throws SparseLensError when there is no such location */
  location(name: string): NodeLocation {
    const location = this.#byName.get(name);
    if (location) return location;
    const some = this.locations.slice(0, 8).map((one) => one.name);
    throw new SparseLensError(
      `${name} is not a location of nodes. In each layer these are ${some.join(", ")}${this.#byName.has("final_resid") ? "; and final_resid" : ""}.`,
    );
  }

  /** `4.attn.resid_delta:1079`, of a node's number. */
  nameOf(node: number): string {
    const { name, offset } = this.locationOf(node);
    return `${name}:${node - offset}`;
  }

  /** The location that a node's number falls into. */
  locationOf(node: number): NodeLocation {
    let first = 0;
    for (let last = this.locations.length - 1; first < last; ) {
      const middle = (first + last + 1) >> 1;
      if (this.locations[middle].offset <= node) first = middle;
      else last = middle - 1;
    }
    return this.locations[first];
  }

  /** The number of a node. @throws SparseLensError when the model has no such node */
  numberOf(node: string): number {
    const match = /^([\w.]+):(\d+)$/.exec(node);
    if (!match) {
      throw new SparseLensError(
        `${JSON.stringify(node)} is not a node: write a location and a channel, such as 4.attn.resid_delta:1079.`,
      );
    }
    const { name, width, offset } = this.location(match[1]);
    const channel = Number(match[2]);
    if (channel < width) return offset + channel;
    throw new SparseLensError(`${node} does not exist: ${name} has the channels 0 to ${width - 1}.`);
  }

  /** The channels of some nodes, ascending, by location; locations without any are left out. */
  byLocation(nodes: Iterable<number>): Map<NodeLocation, number[]> {
    const channels = new Map<NodeLocation, number[]>();
    for (const node of [...nodes].sort((a, b) => a - b)) {
      const location = this.locationOf(node);
      const list = channels.get(location) ?? [];
      list.push(node - location.offset);
      channels.set(location, list);
    }
    return channels;
  }
}
