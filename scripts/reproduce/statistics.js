/** Of counts: those that are 0 count as 1, whose logarithm there is. */
export function geometricMean(counts) {
  return Math.exp(mean(counts.map((count) => Math.log(Math.max(1, count)))));
}

export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Mean, least and greatest. */
export function spread(values) {
  return { mean: mean(values), minimum: Math.min(...values), maximum: Math.max(...values) };
}

/** Slope and intercept of the straight line through points, by least squares. */
export function fitLine(points) {
  const [x, y] = [mean(points.map((point) => point[0])), mean(points.map((point) => point[1]))];
  const slope =
    points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) /
    points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
  return { slope, intercept: y - slope * x };
}
