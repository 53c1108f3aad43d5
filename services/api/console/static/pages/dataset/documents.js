// The documents of a dataset, and what can be done with each.
import { post, remove } from "../../api.js";
import { Confirm } from "../../components/dialog.js";
import { Empty, ProblemNote, Skeleton } from "../../components/feedback.js";
import { Icon } from "../../components/icons.js";
import { Progress } from "../../components/progress.js";
import { WorkStatus } from "../../components/status.js";
import { More, Table } from "../../components/table.js";
import { Time } from "../../components/time.js";
import { order } from "../../components/toasts.js";
import { bytes, count, money, roughly, short } from "../../format.js";
import { ticks, useHeard } from "../../live.js";
import { usePages, useThrottled } from "../../resource.js";
import { query, setQuery } from "../../router.js";
import { mayWrite } from "../../session.js";
import { effect, html, useEffect, useState } from "../../ui.js";
import { seenDocuments } from "../../upload/queue.js";
import { warning, whatHappened, whatToDo } from "../../words.js";
import { DocumentDialog } from "./document.js";
import { DropZone } from "./drop-zone.js";
import { SpentNote, useSpent } from "./spent.js";
import { Uploads } from "./uploads.js";

export function DocumentsTab({ dataset, reload, listeners }) {
  const documents = usePages(`/datasets/${dataset.id}/documents`, {});
  const spent = useSpent("document", { dataset_id: dataset.id });
  const [deleting, setDeleting] = useState(null);
  const refresh = useThrottled(documents.reload, 800);
  const refreshSpent = useThrottled(spent.reload, 4000);
  useHeard(listeners, () => {
    refresh();
    refreshSpent();
  });
  // An effect of signals: a job that was over before its upload knew its id is found when it does.
  useEffect(() => effect(() => seenDocuments(documents.items)), [documents.data]);
  const changed = () => {
    documents.reload();
    reload();
  };
  const none = documents.data !== null && documents.items.length === 0;
  const opened = query.value.get("document");
  const acts = { changed, askDelete: setDeleting };
  return html`${mayWrite.value && html`<${DropZone} datasetId=${dataset.id} large=${none} />`}
    <${Uploads} datasetId=${dataset.id} />
    <${ProblemNote} problem=${documents.problem} retry=${documents.reload} />
    ${dataset.failed_count > 0 && html`<p class="list-note"><a href=${`/failures?dataset_id=${dataset.id}`}>What failed here, by kind</a></p>`}
    ${documents.loading && html`<${Skeleton} />`}
    ${none && !mayWrite.value && html`<${Empty} icon="file" title="No documents yet">Your key may only read; somebody with an admin key has to upload some.<//>`}
    ${documents.items.length > 0 && html`<${Table} label="Documents" columns=${columns(spent.on, acts)} items=${documents.items} keyOf=${(it) => it.id} />`}
    <${More} list=${documents} />
    ${documents.items.length > 0 && html`<${SpentNote} spent=${spent} />`}
    ${deleting && html`<${ConfirmDelete} document=${deleting} onClose=${() => setDeleting(null)} changed=${changed} />`}
    ${opened && html`<${DocumentDialog} key=${opened} datasetId=${dataset.id} documentId=${opened} onClose=${() => setQuery({ document: null })} />`}`;
}

const columns = (on, acts) => [
  { name: "File", kind: "main", cell: (it) => html`<${FileCell} item=${it} />` },
  { name: "State", kind: "state", cell: (it) => html`<${StateCell} item=${it} />` },
  { name: "Size", kind: "number", cell: (it) => bytes(it.size) },
  { name: "Pages", kind: "number", cell: (it) => count(it.page_count) },
  { name: "Chunks", kind: "number", cell: (it) => short(it.chunk_count) },
  { name: "Tokens", kind: "number", cell: (it) => short(on(it.id)?.tokens) },
  { name: "Cost", kind: "number", cell: (it) => money(on(it.id)?.cost) },
  { name: "Changed", kind: "number", cell: (it) => html`<${Time} at=${it.updated_at} />` },
  ...(mayWrite.value ? [{ name: "Actions", kind: "actions", cell: (it) => html`<${Actions} item=${it} ...${acts} />` }] : []),
];

function FileCell({ item }) {
  const troubled = item.error_code && item.status !== "completed";
  const warnings = item.status === "completed" ? item.warnings : [];
  return html`<a class="row-link file-name" href=${`/datasets/${item.dataset_id}?document=${item.id}`}>${item.file_name}</a>
    ${troubled && html`<p class=${item.status === "failed" ? "why bad-text" : "why muted"}>${whatHappened(item.error_code, item.error)} ${whatToDo(item.error_code)}</p>`}
    ${warnings.length > 0 && html`<p class="why warn-text">${warning(warnings[0])}${warnings.length > 1 && ` And ${warnings.length - 1} more.`}</p>`}`;
}

function StateCell({ item }) {
  const tick = ticks.value[item.task_id];
  if (item.status !== "processing") return html`<${WorkStatus} item=${item} />`;
  const percent = Math.max(tick?.percent ?? 0, item.progress);
  return html`<span class="state-cell">
    <span class="badges"><${WorkStatus} item=${item} tick=${tick} /><span class="muted">${percent}%${tick?.seconds_left ? ` · ${roughly(tick.seconds_left)}` : ""}</span></span>
    <${Progress} percent=${percent} label=${`Progress of ${item.file_name}`} thin />
  </span>`;
}

function Actions({ item, changed, askDelete }) {
  const retriable = item.task_id && ["failed", "cancelled"].includes(item.status);
  const cancellable = ["queued", "processing"].includes(item.status);
  const act = (work, done) => async () => {
    if ((await order(work, done)) !== undefined) changed();
  };
  return html`<span class="row-actions">
    ${retriable && html`<button type="button" class="icon-button" title="Retry" aria-label=${`Retry ${item.file_name}`} onClick=${act(() => post(`/jobs/${item.task_id}/retry`), "Queued again.")}><${Icon} name="retry" /></button>`}
    ${cancellable && html`<button type="button" class="icon-button" title="Cancel" aria-label=${`Cancel ${item.file_name}`} onClick=${act(() => post(`/datasets/${item.dataset_id}/documents/${item.id}/cancel`), "Cancelled.")}><${Icon} name="close" /></button>`}
    <button type="button" class="icon-button" title="Delete" aria-label=${`Delete ${item.file_name}`} onClick=${() => askDelete(item)}><${Icon} name="trash" /></button>
  </span>`;
}

function ConfirmDelete({ document, onClose, changed }) {
  async function confirm() {
    const done = await order(() => remove(`/datasets/${document.dataset_id}/documents/${document.id}`), "Deleted. The file and its vectors are being removed.");
    if (done !== undefined) changed();
    return done;
  }
  return html`<${Confirm} title="Delete this document?" label="Delete" confirm=${confirm} onClose=${onClose}>
    <p><strong class="break">${document.file_name}</strong> is out of every search at once, and the file itself is removed from the bucket. This cannot be taken back.</p>
  <//>`;
}
