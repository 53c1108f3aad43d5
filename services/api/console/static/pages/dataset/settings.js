// A dataset's name, priority and cutting; and its end.
import { patch, post, remove } from "../../api.js";
import { Confirm } from "../../components/dialog.js";
import { Note, ProblemNote } from "../../components/feedback.js";
import { Field } from "../../components/field.js";
import { Facts } from "../../components/page.js";
import { Time } from "../../components/time.js";
import { order, toast } from "../../components/toasts.js";
import { plural } from "../../format.js";
import { navigate } from "../../router.js";
import { mayWrite } from "../../session.js";
import { html, useState } from "../../ui.js";
import { ChunkingFields, chunkingBody } from "./chunking.js";

export function SettingsTab({ dataset, reload }) {
  if (!mayWrite.value) return html`<${Note}>Your key may only read.<//><${Known} dataset=${dataset} />`;
  return html`<div class="stack">
    <${General} dataset=${dataset} reload=${reload} />
    <${Cutting} dataset=${dataset} reload=${reload} />
    <${Orders} dataset=${dataset} reload=${reload} />
  </div>`;
}

function Known({ dataset }) {
  const { strategy, size, overlap } = dataset.chunking;
  return html`<${Facts}
    items=${[
      ["Id", html`<code>${dataset.id}</code>`],
      ["Priority", dataset.priority],
      ["Chunks", `${strategy}, ${size} with ${overlap} of overlap`],
      ["Embedding model", dataset.embedding_model],
      ["Made", html`<${Time} at=${dataset.created_at} />`],
    ]}
  />`;
}

function General({ dataset, reload }) {
  const [name, setName] = useState(dataset.name);
  const [priority, setPriority] = useState(String(dataset.priority));
  async function save(event) {
    event.preventDefault();
    const done = await order(() => patch(`/datasets/${dataset.id}`, { name, priority: Number(priority) }), "Saved.");
    if (done) reload();
  }
  return html`<section class="panel">
    <h2>General</h2>
    <form class="form" onSubmit=${save}>
      <div class="form-grid">
        <${Field} label="Name">${(given) => html`<input ...${given} class="input" value=${name} maxlength="200" required onInput=${(event) => setName(event.target.value)} />`}<//>
        <${Field} label="Priority" hint="From -100 to 100. Higher ones are indexed before other datasets.">
          ${(given) => html`<input ...${given} class="input" type="number" min="-100" max="100" required value=${priority} onInput=${(event) => setPriority(event.target.value)} />`}
        <//>
      </div>
      <div><button class="button button-main">Save</button></div>
    </form>
    <${Known} dataset=${dataset} />
  </section>`;
}

function Cutting({ dataset, reload }) {
  const [value, setValue] = useState(dataset.chunking);
  const [problem, setProblem] = useState(null);
  async function save(event) {
    event.preventDefault();
    setProblem(null);
    try {
      await patch(`/datasets/${dataset.id}`, { chunking: chunkingBody(value) });
      toast("Saved. It holds for what is indexed from now on.");
      reload();
    } catch (refused) {
      setProblem(refused);
    }
  }
  return html`<section class="panel">
    <h2>How documents are cut</h2>
    <p class="muted">Holds for what is indexed from then on. Upload a document anew to cut it anew.</p>
    <form class="form" onSubmit=${save}>
      <${ChunkingFields} value=${value} onChange=${setValue} />
      <${ProblemNote} problem=${problem} />
      <div><button class="button">Save</button></div>
    </form>
  </section>`;
}

function Orders({ dataset, reload }) {
  const [asking, setAsking] = useState(null);
  const root = `/datasets/${dataset.id}`;
  const sync = () => order(() => post(`${root}/sync`, {}), "Looking through the bucket. See Workers and queues for what it finds.");
  return html`<section class="panel">
    <h2>Everything in it</h2>
    <ul class="orders">
      <li>
        <div><strong>Take in what lies in the bucket</strong><p class="muted">Makes a job for every file below the dataset's prefix that is not indexed as it is now.</p></div>
        <button type="button" class="button" onClick=${sync}>Look now</button>
      </li>
      <li>
        <div><strong>Cancel all work</strong><p class="muted">What is queued or at work stops. What is searchable stays so.</p></div>
        <button type="button" class="button" onClick=${() => setAsking("cancel")}>Cancel all</button>
      </li>
      <li>
        <div><strong>Delete the dataset</strong><p class="muted">With its ${plural(dataset.document_count, "document")}, their files and vectors.</p></div>
        <button type="button" class="button button-bad" onClick=${() => setAsking("delete")}>Delete</button>
      </li>
    </ul>
    ${asking === "cancel" &&
    html`<${Confirm} title="Cancel all work of this dataset?" label="Cancel all" onClose=${() => setAsking(null)} confirm=${async () => {
      const done = await order(() => post(`${root}/cancel`), (answer) => `${plural(answer.cancelled, "job")} cancelled.${answer.remaining ? ` ${answer.remaining} are left; order it once more.` : ""}`);
      if (done) reload();
      return done;
    }}><p>Documents that are not indexed yet stay out of search until they are retried.</p><//>`}
    ${asking === "delete" &&
    html`<${Confirm} title="Delete this dataset?" label="Delete" onClose=${() => setAsking(null)} confirm=${async () => {
      const done = await order(() => remove(root), "Deleted. Its files and vectors are being removed.");
      if (done !== undefined) navigate("/datasets");
      return done;
    }}><p><strong class="break">${dataset.name}</strong> and its ${plural(dataset.document_count, "document")} are out of every answer at once. This cannot be taken back.</p><//>`}
  </section>`;
}
