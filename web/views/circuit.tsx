export function CircuitView() {
  return <p>…</p>;
}
