// One document: what was read of it, what was odd, and the passages that search finds.
import { get } from "../../api.js";
import { Dialog } from "../../components/dialog.js";
import { ProblemNote, Skeleton } from "../../components/feedback.js";
import { Icon } from "../../components/icons.js";
import { Facts } from "../../components/page.js";
import { WorkStatus } from "../../components/status.js";
import { More } from "../../components/table.js";
import { Time } from "../../components/time.js";
import { order } from "../../components/toasts.js";
import { bytes, count, plural } from "../../format.js";
import { usePages, useResource } from "../../resource.js";
import { html } from "../../ui.js";
import { pageReason, typeName, warning, whatHappened, whatToDo } from "../../words.js";

const NOTES_MAX = 50;

export function DocumentDialog({ datasetId, documentId, onClose }) {
  const root = `/datasets/${datasetId}/documents/${documentId}`;
  const found = useResource((signal) => get(root, {}, { signal }), [root]);
  const item = found.data;
  return html`<${Dialog} title=${item?.file_name ?? "Document"} onClose=${onClose} wide>
    <${ProblemNote} problem=${found.problem} />
    ${found.loading && html`<${Skeleton} rows=${6} />`}
    ${item && html`<${Details} item=${item} root=${root} />`}
  <//>`;
}

function Details({ item, root }) {
  async function open() {
    const answer = await order(() => get(`${root}/url`));
    if (answer) window.open(answer.url, "_blank", "noopener,noreferrer");
  }
  return html`<div class="stack">
    <div class="badges">
      <${WorkStatus} item=${item} />
      ${item.searchable && item.status !== "completed" && html`<span class="muted">An older version is searchable</span>`}
      <span class="spacer"></span>
      ${item.task_id && html`<a class="button button-small" href=${`/jobs/${item.task_id}`}>Its latest job</a>`}
      <button type="button" class="button button-small" onClick=${open}><${Icon} name="link" />Open the file</button>
    </div>
    ${item.error_code && item.status !== "completed" && html`<div class="note note-bad"><div><strong>${whatHappened(item.error_code, item.error)}</strong><p>${whatToDo(item.error_code)}</p></div></div>`}
    ${item.warnings.map((text) => html`<div class="note note-warn" key=${text}><div>${warning(text)}</div></div>`)}
    <${Facts}
      items=${[
        ["Type", typeName(item.media_type ?? item.content_type)],
        ["Size", bytes(item.size)],
        ["Pages", item.page_count && `${count(item.page_count)}${item.pages_by_ocr ? `, ${count(item.pages_by_ocr)} of them recognised` : ""}`],
        ["Text", item.character_count !== null && plural(item.character_count, "character")],
        ["Chunks", count(item.chunk_count)],
        ["Uploaded", html`<${Time} at=${item.created_at} />`],
        ["Searchable since", item.indexed_at && html`<${Time} at=${item.indexed_at} />`],
        ...Object.entries(item.metadata).map(([name, value]) => [name, String(value)]),
      ]}
    />
    ${item.page_notes.length > 0 && html`<${PageNotes} notes=${item.page_notes} />`}
    ${item.searchable && html`<${Chunks} root=${root} />`}
  </div>`;
}

function PageNotes({ notes }) {
  return html`<details class="fold">
    <summary>${plural(notes.length, "page")} with a note</summary>
    <ul class="plain-list">
      ${notes.slice(0, NOTES_MAX).map((note) => html`<li key=${note.page}>Page ${note.page}: ${pageReason(note.reason)}${note.confidence !== null && `, ${Math.round(note.confidence * 100)}% sure`}</li>`)}
      ${notes.length > NOTES_MAX && html`<li class="muted">and ${notes.length - NOTES_MAX} more</li>`}
    </ul>
  </details>`;
}

function Chunks({ root }) {
  const chunks = usePages(`${root}/chunks`, {}, { limit: 20 });
  return html`<section>
    <h3>Its chunks</h3>
    ${chunks.loading && html`<${Skeleton} rows=${4} />`}
    <${ProblemNote} problem=${chunks.problem} />
    <ol class="chunks">
      ${chunks.items.map(
        (chunk) => html`<li key=${chunk.ordinal} class="chunk">
          <p class="chunk-place muted">${[`#${chunk.ordinal}`, chunk.page && `page ${chunk.page}`, ...(chunk.heading_path ?? []), chunk.tokens && plural(chunk.tokens, "token")].filter(Boolean).join(" · ")}</p>
          <p class="chunk-text">${chunk.text}</p>
        </li>`,
      )}
    </ol>
    <${More} list=${chunks} />
  </section>`;
}
