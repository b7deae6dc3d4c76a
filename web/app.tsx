import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { VIEWS, type View } from "./state/address.js";
import { messageOf } from "./state/resource.js";
import { catalogue, chooseModel, entry, failure, go, THEMES, theme, view } from "./state/store.js";

/** The views and the library come when the frame is on the screen. */
const Content = signal<ComponentType | null>(null);
requestAnimationFrame(() =>
  setTimeout(() =>
    import("./content.js").then(
      ({ Content: loaded }) => {
        Content.value = loaded;
      },
      (error) => {
        failure.value = messageOf(error);
      },
    ),
  ),
);

const TITLES: Record<View, string> = {
  write: "Write",
  circuit: "Circuit",
  intervene: "Intervene",
  evidence: "Evidence",
  tour: "Tour",
};

export function App() {
  const Loaded = Content.value;
  const models = catalogue.value.value?.models ?? [];
  const problem = failure.value ?? catalogue.value.error;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      <header>
        <h1>
          Sparse<b>Lens</b>
        </h1>
        <nav aria-label="Views">
          {VIEWS.map((one) => (
            <button
              type="button"
              key={one}
              aria-current={view.value === one ? "page" : undefined}
              onClick={() => go({ view: one })}
            >
              {TITLES[one]}
            </button>
          ))}
        </nav>
        <div class="settings">
          {models.length > 1 && (
            <label>
              <span class="hidden">Model</span>
              <select value={entry.value?.id} onChange={(event) => chooseModel(event.currentTarget.value)}>
                {models.map(({ id, title }) => (
                  <option key={id} value={id}>
                    {title}
                  </option>
                ))}
              </select>
            </label>
          )}
          <label>
            <span class="hidden">Colours</span>
            <select
              value={theme.value}
              onChange={(event) => {
                theme.value = event.currentTarget.value as (typeof THEMES)[number];
              }}
            >
              {THEMES.map((one) => (
                <option key={one} value={one}>
                  {one === "auto" ? "light or dark" : one}
                </option>
              ))}
            </select>
          </label>
        </div>
      </header>
      {problem && (
        <p class="problem" role="alert">
          {problem}{" "}
          {failure.value && (
            <button
              type="button"
              onClick={() => {
                failure.value = null;
              }}
            >
              Close
            </button>
          )}
        </p>
      )}
      <main id="main" tabIndex={-1}>
        {Loaded ? <Loaded /> : <p class="loading">Loading the explorer …</p>}
      </main>
      <footer>
        SparseLens, Apache-2.0. It contains{" "}
        <a href="./third-party-licences.txt">software of others under their licences</a>, such as{" "}
        <a href="https://github.com/kieler/elkjs">elkjs</a> under EPL-2.0.
      </footer>
    </>
  );
}
