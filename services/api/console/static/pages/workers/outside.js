// What work depends on outside: services that do not answer, and the pace that a provider allows.
import { Note } from "../../components/feedback.js";
import { Table } from "../../components/table.js";
import { Time } from "../../components/time.js";
import { NOTHING, count, sentence } from "../../format.js";
import { html } from "../../ui.js";
import { whatHappened, whatToDo } from "../../words.js";

export function Outside({ queues }) {
  return html`<section class="panel">
    <h2>Services outside</h2>
    ${queues.breakers.length === 0 && html`<p class="muted">All answer. Where one does not, its jobs wait here without losing a try.</p>`}
    ${queues.breakers.map(
      (it) => html`<${Note} key=${it.dependency} tone="bad"><strong>${sentence(it.dependency)}: ${whatHappened(it.error_code)}</strong><p>${whatToDo(it.error_code)} Since <${Time} at=${it.open_since} />. Jobs that need it wait and go on by themselves.</p><//>`,
    )}
    ${queues.pace?.length > 0 && html`<${Table} label="Pace of the embedding provider" columns=${PACE} items=${queues.pace} keyOf=${(it) => it.model} />`}
  </section>`;
}

const limit = (value) => (value === null || value === undefined ? NOTHING : count(Math.round(value)));

const PACE = [
  { name: "Model", kind: "main", cell: (it) => html`<strong>${it.model}</strong>` },
  { name: "Requests a minute", kind: "number", cell: (it) => limit(it.requests_per_minute) },
  { name: "Tokens a minute", kind: "number", cell: (it) => limit(it.tokens_per_minute) },
  { name: "Refusals", kind: "number", cell: (it) => count(it.refusals) },
];
