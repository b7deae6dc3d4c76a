import { MASK_TRAINING_DEFAULTS, type MaskTrainingSettings } from "./mask-optimizer.js";

/** One setting that is searched: on a scale of logarithms around a centre. */
export interface SearchDimension {
  readonly name: string;
  readonly centre: number;
  /** By how many e-folds the search reaches out, as a standard deviation: 1 in the space of the search. */
  readonly scale: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly isInteger?: boolean;
}

/** A point of the space: a number for each dimension, the centre at 0. */
export type Point = readonly number[];

export function valueAt({ centre, scale, minimum, maximum, isInteger }: SearchDimension, x: number): number {
  const value = Math.min(maximum, Math.max(minimum, centre * Math.exp(scale * x)));
  // What is written down is what is used.
  return isInteger ? Math.round(value) : Number(value.toPrecision(4));
}

export function coordinateOf({ centre, scale }: SearchDimension, value: number): number {
  return Math.log(value / centre) / scale;
}

const log10 = Math.log(10);
const centres = MASK_TRAINING_DEFAULTS;

/**
 * The settings that the paper searches (A.5), around its centres, and the number of steps, on which the cost depends. How
 * far apart trials lie is ours: the paper does not say.
 */
export const MASK_DIMENSIONS: readonly SearchDimension[] = [
  dimension("k_coef", centres.k_coef, log10, 1e-6, 1),
  dimension("init_noise_scale", centres.init_noise_scale, 0.5, 1e-4, 0.5),
  dimension("init_noise_bias", centres.init_noise_bias, 0.7, 1e-3, 0.9),
  dimension("weight_decay", centres.weight_decay, log10, 1e-6, 1),
  dimension("learning_rate", centres.learning_rate, log10 / 2, 1e-5, 1),
  dimension("one_minus_beta2", 1 - centres.beta2, 0.7, 1e-3, 0.5),
  dimension("warmup_fraction", centres.warmup_fraction, 0.7, 1e-3, 0.5),
  dimension("temperature", centres.temperature, 0.5, 0.05, 20),
  { ...dimension("steps", centres.steps, 0.5, 20, 5000), isInteger: true },
];

function dimension(name: string, centre: number, scale: number, minimum: number, maximum: number) {
  return { name, centre, scale, minimum, maximum };
}

/** Settings of a point, over those that are not searched. */
export function settingsAt(point: Point, fixed: MaskTrainingSettings): MaskTrainingSettings {
  const values: Record<string, number> = { ...fixed };
  MASK_DIMENSIONS.forEach((dimension, i) => {
    const value = valueAt(dimension, point[i]);
    if (dimension.name === "one_minus_beta2") values.beta2 = Number((1 - value).toPrecision(6));
    else values[dimension.name] = value;
  });
  return values as unknown as MaskTrainingSettings;
}

/** The point of settings. */
export function pointOf(settings: MaskTrainingSettings): number[] {
  const values = { ...settings, one_minus_beta2: 1 - settings.beta2 } as unknown as Record<string, number>;
  return MASK_DIMENSIONS.map((dimension) => coordinateOf(dimension, values[dimension.name]));
}
