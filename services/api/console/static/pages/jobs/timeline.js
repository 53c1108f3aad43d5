// The events of a job, in order.
import { exact, plural, sentence, timeOf } from "../../format.js";
import { html } from "../../ui.js";
import { reasonName, whatHappened } from "../../words.js";

const WORDS = {
  "job.queued": ["quiet", "Queued"],
  "job.claimed": ["busy", "A worker took it"],
  "job.completed": ["good", "Completed"],
  "job.failed": ["bad", "Failed"],
  "job.retrying": ["warn", "The attempt failed; another follows"],
  "job.waiting": ["warn", "Waits for a service"],
  "job.lapsed": ["warn", "The worker gave no sign of life"],
  "job.released": ["quiet", "Put back"],
  "job.cancelled": ["quiet", "Cancelled"],
  "document.searchable": ["good", "Searchable"],
  "document.removed": ["quiet", "Removed"],
  "document.deleted": ["quiet", "Deleted"],
};

export function Timeline({ events }) {
  if (events.length === 0) return html`<p class="muted">Nothing is written down of it.</p>`;
  return html`<ol class="timeline">
    ${events.map((event, index) => {
      const [tone, words] = WORDS[event.kind] ?? ["quiet", sentence(event.kind)];
      return html`<li key=${index} class=${`timeline-${tone}`}>
        <time datetime=${event.at} title=${exact(event.at)}>${timeOf(event.at)}:${String(new Date(event.at).getSeconds()).padStart(2, "0")}</time>
        <div><strong>${words}</strong> <span class="muted">${about(event.data ?? {})}</span></div>
      </li>`;
    })}
  </ol>`;
}

function about(data) {
  const parts = [];
  if (data.attempt) parts.push(`attempt ${data.attempt}`);
  if (data.worker) parts.push(data.worker);
  if (data.reason) parts.push(reasonName(data.reason));
  if (data.chunks !== undefined) parts.push(plural(data.chunks, "chunk"));
  if (data.error_code) parts.push(whatHappened(data.error_code));
  return parts.join(", ");
}
