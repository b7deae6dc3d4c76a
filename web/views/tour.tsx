export function TourView() {
  return <p>…</p>;
}
