// A state as a coloured word: never by colour alone.
import { sentence } from "../format.js";
import { stageName, waiting } from "../words.js";
import { html } from "../ui.js";

const TONES = {
  ready: "good", completed: "good", live: "good",
  processing: "busy", running: "busy", uploading: "quiet", queued: "quiet", released: "quiet",
  partial: "warn", retry: "warn", waiting: "warn", lapsed: "warn", stalled: "warn", paused: "warn",
  failed: "bad", gone: "bad",
  cancelled: "off",
};

export function Badge({ tone, children }) {
  return html`<span class=${`badge badge-${tone}`}>${children}</span>`;
}

export function Status({ name }) {
  return html`<${Badge} tone=${TONES[name] ?? "quiet"}>${sentence(name)}<//>`;
}

/** "Uploading" is what the API calls a dataset that nothing has arrived in; people call it empty. */
export function DatasetStatus({ dataset }) {
  const empty = dataset.status === "uploading" && dataset.document_count === 0;
  const paused = dataset.paused ? "Paused" : dataset.tenant_paused ? "Everything is paused" : null;
  return html`<span class="badges">
    ${empty ? html`<${Badge} tone="quiet">Empty<//>` : html`<${Status} name=${dataset.status} />`}
    ${paused && html`<${Badge} tone="warn">${paused}<//>`}
  </span>`;
}

/** A job's or a document's: what it does just now, or why it does nothing. */
export function WorkStatus({ item, tick }) {
  if (item.stalled) return html`<${Status} name="stalled" />`;
  if (item.status === "queued" && item.waiting_for) {
    const name = item.waiting_for === "pause" ? "Paused" : item.waiting_for === "retry" ? "Tries again" : "Waiting";
    return html`<span title=${waiting(item.waiting_for)}><${Badge} tone="warn">${name}<//></span>`;
  }
  const stage = tick?.stage ?? item.stage;
  if (item.status === "processing" && stage) return html`<${Badge} tone="busy">${stageName(stage)}<//>`;
  return html`<${Status} name=${item.status} />`;
}
