// The tenant as a whole, this login, and for operators the messages that made no job.
import { get, patch, post, remove } from "../api.js";
import { ProblemNote, Skeleton } from "../components/feedback.js";
import { Facts, PageHead } from "../components/page.js";
import { More, Table } from "../components/table.js";
import { ThemeToggle } from "../components/theme-toggle.js";
import { Time } from "../components/time.js";
import { order } from "../components/toasts.js";
import { bytes, count, exact } from "../format.js";
import { usePages, useResource } from "../resource.js";
import { mayOperate, mayWrite, session } from "../session.js";
import { html } from "../ui.js";

const ROLES = { admin: "Administrator: may do everything of this tenant", operator: "Operator: may also see to the deployment", read_only: "Read only: sees and searches, changes nothing" };

export function SettingsPage() {
  return html`<${PageHead} title="Settings" />
    <${Tenant} />
    <${Login} />
    ${mayOperate.value && html`<${Quarantine} />`}`;
}

function Tenant() {
  const tenant = useResource((signal) => get("/tenant", {}, { signal }), []);
  async function pause() {
    const done = await order(() => patch("/tenant", { paused: !tenant.data.paused }), tenant.data.paused ? "Resumed." : "Paused. Nothing is indexed until it is resumed.");
    if (done) tenant.reload();
  }
  return html`<section class="panel">
    <div class="panel-head">
      <h2>Tenant</h2>
      ${tenant.data && mayWrite.value && html`<button type="button" class="button" onClick=${pause}>${tenant.data.paused ? "Resume everything" : "Pause everything"}</button>`}
    </div>
    <${ProblemNote} problem=${tenant.problem} retry=${tenant.reload} />
    ${tenant.loading && html`<${Skeleton} rows=${2} />`}
    ${tenant.data && html`<${Facts} items=${[
      ["Name", tenant.data.name],
      ["Indexing", tenant.data.paused ? html`Paused since <${Time} at=${tenant.data.paused_at} />` : "Runs"],
      ["Datasets", count(tenant.data.dataset_count)],
      ["Jobs queued", count(tenant.data.queued_count)],
      ["Jobs at work", count(tenant.data.processing_count)],
      ["Made", html`<${Time} at=${tenant.data.created_at} />`],
    ]} />`}
  </section>`;
}

function Login() {
  const { key, role, expires_at: expires } = session.value;
  return html`<section class="panel">
    <h2>This login</h2>
    <${Facts} items=${[["API key", html`${key.name} <code>${key.prefix}…</code>`], ["Role", ROLES[role] ?? role], ["Ends", exact(expires)], ["Theme", html`<${ThemeToggle} />`]]} />
  </section>`;
}

function Quarantine() {
  const messages = usePages("/quarantine", {}, { limit: 20 });
  const act = (work, said) => async () => {
    if ((await order(work, said)) !== undefined) messages.reload();
  };
  const columns = [
    { name: "Why", kind: "main", cell: (it) => html`<strong>${it.reason}</strong><p class="audit-data mono">${it.body.slice(0, 160)}</p>` },
    { name: "Queue", cell: (it) => html`<span class="break">${it.queue}</span>` },
    { name: "Size", kind: "number", cell: (it) => bytes(it.size) },
    { name: "Received", kind: "number", cell: (it) => html`<${Time} at=${it.received_at} />` },
    { name: "Actions", kind: "actions", cell: (it) => html`<span class="row-actions">
      <button type="button" class="button button-small button-plain" onClick=${act(() => post(`/quarantine/${it.id}/replay`), "Read again; its job is queued.")}>Replay</button>
      <button type="button" class="button button-small button-plain" onClick=${act(() => remove(`/quarantine/${it.id}`), "Deleted.")}>Delete</button>
    </span>` },
  ];
  return html`<section class="stack-tight">
    <h2>Quarantine</h2>
    <p class="muted">Messages of the queue that made no job, of the whole deployment.</p>
    <${ProblemNote} problem=${messages.problem} retry=${messages.reload} />
    ${messages.data && messages.items.length === 0 && html`<p class="muted">There are none.</p>`}
    ${messages.items.length > 0 && html`<${Table} label="Quarantine" columns=${columns} items=${messages.items} keyOf=${(it) => it.id} />`}
    <${More} list=${messages} />
  </section>`;
}
