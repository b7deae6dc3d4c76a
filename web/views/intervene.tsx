export function IntervenePanel() {
  return <p>…</p>;
}
