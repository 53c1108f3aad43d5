// Where bucket, tables and index disagree: found by audits, mended by one button.
import { get, post } from "../../api.js";
import { Note, ProblemNote, Skeleton } from "../../components/feedback.js";
import { Status } from "../../components/status.js";
import { Time } from "../../components/time.js";
import { order } from "../../components/toasts.js";
import { count, plural } from "../../format.js";
import { useInterval, useResource } from "../../resource.js";
import { mayWrite } from "../../session.js";
import { html } from "../../ui.js";
import { findingName } from "../../words.js";

const SHOWN = 5;
const LOOK_EVERY = 3_000;

export function Drift() {
  const audits = useResource((signal) => get("/audits", { limit: SHOWN }, { signal }), []);
  const items = audits.data?.items ?? [];
  const busy = items.some((it) => it.status === "queued" || it.status === "running");
  useInterval(() => busy && audits.reload(), LOOK_EVERY);
  const ask = (dry_run, said) => async () => {
    if (await order(() => post("/audits", { dry_run }), said)) audits.reload();
  };
  const latest = items[0];
  const open = latest && latest.dry_run && latest.status === "completed" && total(latest) > 0;
  return html`<section class="panel">
    <div class="panel-head">
      <h2>Drift</h2>
      ${mayWrite.value && html`<div class="chips">
        <button type="button" class="button button-small" disabled=${busy} onClick=${ask(true, "Comparing. Nothing is changed.")}>Compare only</button>
        <button type="button" class=${`button button-small ${open ? "button-main" : ""}`} disabled=${busy} onClick=${ask(false, "Comparing and repairing.")}>Repair now</button>
      </div>`}
    </div>
    <p class="muted">An audit compares the bucket, the tables and the index. The poller runs one by itself from time to time; these were asked for.</p>
    <${ProblemNote} problem=${audits.problem} retry=${audits.reload} />
    ${audits.loading && html`<${Skeleton} rows=${2} />`}
    ${audits.data && items.length === 0 && html`<p class="muted">None was asked for yet.</p>`}
    ${open && html`<${Note} tone="warn"><strong>${plural(total(latest), "document")} differ.</strong><p>“Repair now” makes the jobs that mend them.</p><//>`}
    <ul class="stack">${items.map((audit) => html`<${Audit} key=${audit.id} audit=${audit} />`)}</ul>
  </section>`;
}

const total = (audit) => Object.values(audit.findings).reduce((sum, it) => sum + it.found, 0);

function Audit({ audit }) {
  const found = Object.entries(audit.findings).filter(([, it]) => it.found > 0);
  return html`<li class="attempt">
    <div class="attempt-head">
      <strong>${audit.kind === "sync" ? "Look through the bucket" : audit.dry_run ? "Comparison" : "Repair"}</strong>
      <${Status} name=${audit.status} />
      <span class="muted"><${Time} at=${audit.created_at} />, ${plural(audit.objects_seen, "file")} and ${plural(audit.rows_seen, "row")} seen</span>
    </div>
    ${audit.error && html`<p class="warn-text">${audit.error}</p>`}
    ${audit.status === "completed" && found.length === 0 && html`<p class="muted">Everything agrees.</p>`}
    ${found.length > 0 && html`<ul class="findings">${found.map(([name, it]) => html`<li key=${name}><span>${findingName(name)}</span><span><strong>${count(it.found)}</strong>${audit.dry_run ? "" : html` <span class="muted">${count(it.repaired)} under repair</span>`}</span></li>`)}</ul>`}
  </li>`;
}
