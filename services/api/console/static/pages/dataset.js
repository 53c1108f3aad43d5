// One dataset: its documents, a playground for searches, its settings.
import { get, patch } from "../api.js";
import { ProblemNote, Skeleton } from "../components/feedback.js";
import { Icon } from "../components/icons.js";
import { Figures, PageHead } from "../components/page.js";
import { Progress } from "../components/progress.js";
import { DatasetStatus } from "../components/status.js";
import { order } from "../components/toasts.js";
import { count, money, plural, roughly, short } from "../format.js";
import { useLive } from "../live.js";
import { useInterval, useResource, useThrottled } from "../resource.js";
import { query } from "../router.js";
import { mayWrite } from "../session.js";
import { html, useRef } from "../ui.js";
import { heardOfJob } from "../upload/queue.js";
import { DocumentsTab } from "./dataset/documents.js";
import { progressOf } from "./dataset/progress-of.js";
import { SearchTab } from "./dataset/search.js";
import { SettingsTab } from "./dataset/settings.js";
import { NotFoundPage } from "./not-found.js";

const TABS = [
  ["documents", "Documents", DocumentsTab],
  ["search", "Search", SearchTab],
  ["settings", "Settings", SettingsTab],
];

export function DatasetPage({ id }) {
  const dataset = useResource((signal) => get(`/datasets/${id}`, {}, { signal }), [id]);
  const usage = useResource((signal) => usageOf(id, signal), [id]);
  const listeners = useRef(new Set());
  const refresh = useThrottled(dataset.reload, 1000);
  const refreshUsage = useThrottled(usage.reload, 5000);
  useLive(id, (event) => {
    refresh();
    refreshUsage();
    heardOfJob(event); // here, not in the tab of the documents: it may not be the one that is shown
    listeners.current.forEach((hear) => hear(event));
  });
  // The estimate of the time left moves without events.
  useInterval(() => dataset.data?.status === "processing" && dataset.reload(), 5000);

  if (dataset.problem?.status === 404) return html`<${NotFoundPage} what="dataset" />`;
  if (dataset.loading) return html`<${PageHead} title="Dataset" /><${Skeleton} rows=${8} />`;
  if (!dataset.data) return html`<${ProblemNote} problem=${dataset.problem} retry=${dataset.reload} />`;
  const shown = TABS.find(([key]) => key === query.value.get("tab")) ?? TABS[0];
  const View = shown[2];
  return html`<${Head} dataset=${dataset.data} usage=${usage.data} reload=${dataset.reload} />
    <nav class="tabs" aria-label="Parts of the dataset">
      ${TABS.map(
        ([key, name]) => html`<a key=${key} href=${`/datasets/${id}${key === "documents" ? "" : `?tab=${key}`}`} aria-current=${key === shown[0] ? "page" : undefined}>${name}</a>`,
      )}
    </nav>
    <${View} dataset=${dataset.data} reload=${dataset.reload} listeners=${listeners.current} />`;
}

function Head({ dataset, usage, reload }) {
  const { percent, secondsLeft, unfinished } = progressOf(dataset);
  const trail = html`<a href="/datasets">Datasets</a>`;
  async function pause() {
    const done = await order(() => patch(`/datasets/${dataset.id}`, { paused: !dataset.paused }), dataset.paused ? "Resumed." : "Paused. What is at work is put back.");
    if (done) reload();
  }
  return html`<${PageHead} title=${dataset.name} trail=${trail}>
      <${DatasetStatus} dataset=${dataset} />
      ${mayWrite.value && html`<button type="button" class="button" onClick=${pause}><${Icon} name=${dataset.paused ? "play" : "pause"} />${dataset.paused ? "Resume" : "Pause"}</button>`}
    <//>
    <${Figures}
      items=${[
        ["Documents", count(dataset.document_count)],
        ["Searchable", count(dataset.searchable_count)],
        ["Failed", html`<span class=${dataset.failed_count ? "bad-text" : ""}>${count(dataset.failed_count)}</span>`],
        ["Chunks", short(dataset.chunk_count)],
        ["Tokens", usage ? short(usage.tokens) : "…"],
        ["Cost", usage ? money(usage.cost) : "…", usage && Number(usage.cost_saved) > 0 ? `${money(usage.cost_saved)} saved` : null],
      ]}
    />
    <div class="overall" aria-live="polite">
      ${dataset.document_count > 0 && percent < 100
        ? html`<${Progress} percent=${percent} label="Progress of the dataset" />
            <p class="muted"><span class="overall-percent">${percent}%</span> ${[unfinished ? `${plural(unfinished, "document")} to go` : null, secondsLeft === null ? null : `about ${roughly(secondsLeft)} left`].filter(Boolean).join(", ")}</p>`
        : null}
    </div>`;
}

async function usageOf(id, signal) {
  const first = new Date(Date.now() - 365 * 86_400_000).toISOString().slice(0, 10);
  return (await get("/usage", { dataset_id: id, first_day: first }, { signal })).total;
}
