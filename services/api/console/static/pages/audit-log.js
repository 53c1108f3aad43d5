// What people did, and with which key.
import { Empty, ProblemNote, Skeleton } from "../components/feedback.js";
import { Select } from "../components/field.js";
import { PageHead } from "../components/page.js";
import { More, Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { exact, sentence } from "../format.js";
import { usePages } from "../resource.js";
import { query, setQuery } from "../router.js";
import { html } from "../ui.js";

const ACTIONS = [
  "dataset.created", "dataset.changed", "dataset.deleted", "uploads.requested", "uploads.completed", "uploads.aborted", "document.changed", "document.deleted",
  "job.triggered", "job.retried", "job.cancelled", "jobs.retried", "jobs.cancelled", "audit.requested", "sync.requested", "tenant.changed", "message.replayed", "message.deleted", "session.opened", "session.closed",
];
const PLACES = { dataset: "/datasets/", uploads: "/datasets/", job: "/jobs/" };

export function AuditLogPage() {
  const action = query.value.get("action");
  const entries = usePages("/audit-log", { action });
  return html`<${PageHead} title="Audit log" about="What was ordered by people and their programs, newest first." />
    <div class="filter-line"><${Select} label="Action" value=${action ?? ""} options=${[["", "All"], ...ACTIONS.map((it) => [it, sentence(it)])]} onChange=${(chosen) => setQuery({ action: chosen })} /></div>
    <${ProblemNote} problem=${entries.problem} retry=${entries.reload} />
    ${entries.loading && html`<${Skeleton} rows=${10} />`}
    ${entries.data && entries.items.length === 0 && html`<${Empty} icon="log" title="Nothing was done yet">Every order that changes something is written down here, with the key that gave it.<//>`}
    ${entries.items.length > 0 && html`<${Table} label="Audit log" columns=${COLUMNS} items=${entries.items} keyOf=${(it) => it.id} />`}
    <${More} list=${entries} />`;
}

const COLUMNS = [
  { name: "What", kind: "main", cell: (it) => html`<strong>${sentence(it.action)}</strong><p class="audit-data">${details(it.data)}</p>` },
  { name: "On", kind: "wide", cell: (it) => html`<${Target} entry=${it} />` },
  { name: "By key", kind: "wide", cell: (it) => (it.key ? html`${it.key.name} <code class="muted">${it.key.prefix}…</code>` : html`<span class="muted">the service</span>`) },
  { name: "When", kind: "number", cell: (it) => html`<span title=${exact(it.at)}><${Time} at=${it.at} /></span>` },
];

function Target({ entry }) {
  if (!entry.target) return html`<span class="muted">–</span>`;
  const place = PLACES[entry.action.split(".")[0]];
  const short = html`<code>${entry.target.slice(0, 8)}…${entry.target.slice(-4)}</code>`;
  return place && entry.action !== "dataset.deleted" ? html`<a href=${place + entry.target} title=${entry.target}>${short}</a>` : html`<span title=${entry.target}>${short}</span>`;
}

function details(data) {
  return Object.entries(data ?? {})
    .map(([name, value]) => `${name.replaceAll("_", " ")}: ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
}
