import { useEffect } from "preact/hooks";
import { openFiles } from "./state/open-file.js";
import { view } from "./state/store.js";
import { opening, sessionError } from "./state/work.js";
import { CircuitView } from "./views/circuit.js";
import { EvidenceView } from "./views/evidence.js";
import { TourView } from "./views/tour.js";
import { WriteView } from "./views/write.js";

/** Everything below the frame. */
export function Content() {
  useEffect(acceptFiles, []);
  return (
    <>
      {sessionError.value && (
        <p class="problem" role="alert">
          {sessionError.value}
        </p>
      )}
      <Opening />
      {view.value === "write" && <WriteView />}
      {(view.value === "circuit" || view.value === "intervene") && <CircuitView />}
      {view.value === "evidence" && <EvidenceView />}
      {view.value === "tour" && <TourView />}
      <p class="drop-hint" aria-hidden="true">
        Drop a circuit file, a viz_data.pt, or the .jsonl of a task of your own
      </p>
    </>
  );
}

function Opening() {
  const progress = opening.value;
  if (!progress) return null;
  const { phase, loaded, total } = progress;
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
  const text =
    phase === "download"
      ? `Loading the model: ${megabytes(loaded)} of ${megabytes(total)} MB`
      : `Reading the model: ${loaded} of ${total} tensors`;
  return (
    <div class="opening" role="status">
      <label for="opening">{text}</label>
      <progress id="opening" max={total || 1} value={loaded} />
    </div>
  );
}

/** Files that are dropped anywhere. */
function acceptFiles(): () => void {
  const root = document.documentElement;
  const over = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    root.dataset.dropping = "true";
  };
  const leave = (event: DragEvent) => {
    if (event.relatedTarget === null) delete root.dataset.dropping;
  };
  const drop = async (event: DragEvent) => {
    delete root.dataset.dropping;
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    await openFiles(event.dataTransfer.files);
  };
  addEventListener("dragover", over);
  addEventListener("dragleave", leave);
  addEventListener("drop", drop);
  return () => {
    removeEventListener("dragover", over);
    removeEventListener("dragleave", leave);
    removeEventListener("drop", drop);
  };
}
