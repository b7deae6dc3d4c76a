/** Central differences of `value` by each entry of x, in float64; a step of 1e-5 is good to about 1e-9. */
export function differences(x: number[], value: (x: number[]) => number, step = 1e-5): number[] {
  return x.map((entry, i) => {
    const at = (shifted: number) => value(x.with(i, shifted));
    return (at(entry + step) - at(entry - step)) / (2 * step);
  });
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);
}
