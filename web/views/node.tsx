export function NodePanel() {
  return <p>…</p>;
}
