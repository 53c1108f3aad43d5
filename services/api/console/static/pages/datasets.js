// All datasets, and the way to make one.
import { post } from "../api.js";
import { Dialog } from "../components/dialog.js";
import { Empty, ProblemNote, Skeleton } from "../components/feedback.js";
import { Field } from "../components/field.js";
import { Icon } from "../components/icons.js";
import { PageHead } from "../components/page.js";
import { Progress } from "../components/progress.js";
import { DatasetStatus } from "../components/status.js";
import { More, Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { NOTHING, count, money, roughly, short } from "../format.js";
import { useLive } from "../live.js";
import { usePages, useThrottled } from "../resource.js";
import { navigate } from "../router.js";
import { mayWrite } from "../session.js";
import { html, useState } from "../ui.js";
import { progressOf } from "./dataset/progress-of.js";
import { ChunkingFields, chunkingBody } from "./dataset/chunking.js";
import { SpentNote, useSpent } from "./dataset/spent.js";

export function DatasetsPage() {
  const datasets = usePages("/datasets", {});
  const spent = useSpent("dataset");
  const [making, setMaking] = useState(false);
  const refresh = useThrottled(datasets.reload, 1500);
  useLive(null, refresh);
  const make = mayWrite.value && html`<button type="button" class="button button-main" onClick=${() => setMaking(true)}><${Icon} name="plus" />New dataset</button>`;

  return html`<${PageHead} title="Datasets" about="Each is a folder of documents that is searched as one.">${make}<//>
    <${ProblemNote} problem=${datasets.problem} retry=${datasets.reload} />
    ${datasets.loading && html`<${Skeleton} />`}
    ${datasets.data && datasets.items.length === 0 && html`<${NoDatasets} make=${make} />`}
    ${datasets.items.length > 0 && html`<${Table} label="Datasets" columns=${columns(spent.on)} items=${datasets.items} keyOf=${(it) => it.id} />`}
    <${More} list=${datasets} />
    ${datasets.items.length > 0 && html`<${SpentNote} spent=${spent} />`}
    ${making && html`<${NewDataset} onClose=${() => setMaking(false)} />`}`;
}

function NoDatasets({ make }) {
  return html`<${Empty} icon="datasets" title="No datasets yet" action=${make}>
    ${mayWrite.value
      ? "Make one, drop your files on it, and search them a few seconds later. PDFs, Office files, mails, web pages, tables and scans are read."
      : "Your key may only read. Somebody with an admin key has to make the first one."}
  <//>`;
}

const columns = (on) => [
  { name: "Name", kind: "main", cell: (it) => html`<a class="row-link" href=${`/datasets/${it.id}`}>${it.name}</a>` },
  { name: "Status", kind: "state", cell: (it) => html`<${DatasetStatus} dataset=${it} />` },
  { name: "Progress", kind: "bar", cell: (it) => html`<${DatasetProgress} item=${it} />` },
  { name: "Documents", kind: "number", cell: (it) => html`${count(it.document_count)}${it.failed_count > 0 && html` <span class="bad-text">${count(it.failed_count)} failed</span>`}` },
  { name: "Chunks", kind: "number", cell: (it) => short(it.chunk_count) },
  { name: "Cost", kind: "number", cell: (it) => money(on(it.id)?.cost) },
  { name: "Changed", kind: "number", cell: (it) => html`<${Time} at=${it.updated_at} />` },
];

function DatasetProgress({ item }) {
  const { percent, secondsLeft, unfinished } = progressOf(item);
  if (item.document_count === 0) return html`<span class="muted">${NOTHING}</span>`;
  if (!unfinished && percent >= 100) return html`<span class="muted">Done</span>`;
  return html`<span class="bar-cell">
    <${Progress} percent=${percent} label=${`Progress of ${item.name}`} thin />
    <span class="muted">${percent}%${secondsLeft !== null && ` · ${roughly(secondsLeft)}`}</span>
  </span>`;
}

function NewDataset({ onClose }) {
  const [name, setName] = useState("");
  const [chunking, setChunking] = useState(null);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  async function make(event) {
    event.preventDefault();
    setBusy(true);
    try {
      const made = await post("/datasets", { name, ...(chunking ? { chunking: chunkingBody(chunking) } : {}) });
      navigate(`/datasets/${made.dataset.id}`);
    } catch (refused) {
      setProblem(refused);
      setBusy(false);
    }
  }
  const wrong = problem?.errors.find((it) => it.field === "name")?.message;
  return html`<${Dialog} title="New dataset" onClose=${onClose}>
    <form class="form" onSubmit=${make}>
      <${Field} label="Name" error=${wrong} hint="Such as “Annual reports”. It can be changed later.">
        ${(given) => html`<input ...${given} class="input" value=${name} maxlength="200" required autofocus onInput=${(event) => setName(event.target.value)} />`}
      <//>
      <details class="fold" onToggle=${(event) => setChunking(event.target.open ? { strategy: "recursive", size: "", overlap: "", heading_prefix: false } : null)}>
        <summary>How documents are cut</summary>
        ${chunking && html`<${ChunkingFields} value=${chunking} onChange=${setChunking} />`}
      </details>
      ${problem && !wrong && html`<${ProblemNote} problem=${problem} />`}
      <footer class="dialog-foot">
        <button type="button" class="button" onClick=${onClose}>Cancel</button>
        <button class="button button-main" disabled=${busy || !name.trim()}>Create</button>
      </footer>
    </form>
  <//>`;
}
