// What there is to mend, by kind: one decision for all that failed alike.
import { all, get, post } from "../api.js";
import { Dialog } from "../components/dialog.js";
import { Empty, ProblemNote, Skeleton } from "../components/feedback.js";
import { Field, Select } from "../components/field.js";
import { Icon } from "../components/icons.js";
import { PageHead } from "../components/page.js";
import { Badge } from "../components/status.js";
import { Time } from "../components/time.js";
import { order } from "../components/toasts.js";
import { count, plural } from "../format.js";
import { useLive } from "../live.js";
import { useResource, useThrottled } from "../resource.js";
import { query, setQuery } from "../router.js";
import { mayWrite } from "../session.js";
import { html, useState } from "../ui.js";
import { stageName, whatHappened, whatToDo } from "../words.js";

export function FailuresPage() {
  const datasetId = query.value.get("dataset_id");
  const failures = useResource((signal) => get("/jobs/failures", { dataset_id: datasetId, limit: 200 }, { signal }), [datasetId]);
  const datasets = useResource(() => all("/datasets", {}, 400), []);
  const [ordering, setOrdering] = useState(null);
  const refresh = useThrottled(failures.reload, 2000);
  useLive(datasetId, refresh);
  const groups = failures.data?.items ?? [];
  const inDataset = datasetId ? { dataset_id: datasetId } : {};
  const options = [["", "All datasets"], ...(datasets.data ?? []).map((it) => [it.id, it.name])];
  return html`<${PageHead} title="Failures" about="Documents that could not be indexed, grouped by what went wrong. A failure leaves the list once its document is indexed or deleted.">
      ${mayWrite.value && groups.length > 0 && html`<button type="button" class="button" onClick=${() => setOrdering({ what: "retry", title: "Retry everything that failed", filter: inDataset })}><${Icon} name="retry" />Retry all</button>`}
      ${mayWrite.value && html`<button type="button" class="button" onClick=${() => setOrdering({ what: "cancel", title: "Cancel everything unfinished", filter: inDataset })}>Cancel unfinished</button>`}
    <//>
    <div class="filter-line"><${Select} label="Dataset" value=${datasetId ?? ""} options=${options} onChange=${(dataset_id) => setQuery({ dataset_id })} /></div>
    <${ProblemNote} problem=${failures.problem} retry=${failures.reload} />
    ${failures.loading && html`<${Skeleton} rows=${4} />`}
    ${failures.data && groups.length === 0 && html`<${Empty} icon="check" title="Nothing to mend">Every document that arrived is indexed, or on its way.<//>`}
    <ul class="failures">
      ${groups.map((group) => html`<${Group} key=${group.fingerprint ?? group.task_id} group=${group} inDataset=${inDataset} onOrder=${setOrdering} />`)}
    </ul>
    ${failures.data?.more && html`<p class="muted">There are more kinds. Mend these first, or choose a dataset.</p>`}
    ${ordering && html`<${BulkOrder} ...${ordering} onClose=${() => setOrdering(null)} done=${failures.reload} />`}`;
}

function Group({ group, inDataset, onOrder }) {
  const filter = { ...inDataset, ...(group.fingerprint ? { fingerprint: group.fingerprint } : { error_code: group.error_code }) };
  const link = new URLSearchParams({ status: "failed", ...filter });
  return html`<li class="failure">
    <div class="stack-tight">
      <h2>${whatHappened(group.error_code, group.message)}</h2>
      <p>${whatToDo(group.error_code)}</p>
      <p class="muted break">${group.message}</p>
      <div class="failure-facts muted">
        <span><code>${group.error_code}</code></span>
        ${group.stage && html`<span>while ${stageName(group.stage).toLowerCase()}</span>`}
        <span>first <${Time} at=${group.first_at} /></span>
        <span>latest <${Time} at=${group.latest_at} /></span>
        <a href=${`/jobs/${group.task_id}`}>The latest one</a>
      </div>
    </div>
    <div class="failure-actions">
      <${Badge} tone="bad">${plural(group.document_count, "document")}<//>
      <a class="button button-small" href=${`/jobs?${link}`}>${plural(group.job_count, "job")}</a>
      ${mayWrite.value && html`<button type="button" class="button button-small" onClick=${() => onOrder({ what: "retry", title: "Retry what failed alike", filter })}><${Icon} name="retry" />Retry</button>`}
    </div>
  </li>`;
}

/** First only counts, then does it: nobody should order a thousand jobs by mistake. */
function BulkOrder({ what, title, filter, onClose, done }) {
  const body = Object.keys(filter).length > 0 ? { filter } : { all: true };
  const path = `/jobs/${what}`;
  const trial = useResource(() => post(path, { ...body, dry_run: true }), [path]);
  const [pace, setPace] = useState("");
  const [busy, setBusy] = useState(false);
  const number = trial.data ? (what === "retry" ? trial.data.retried : trial.data.cancelled) : null;
  async function act() {
    setBusy(true);
    const answer = await order(
      () => post(path, { ...body, ...(what === "retry" && pace ? { per_minute: Number(pace) } : {}) }),
      (it) => `${plural(what === "retry" ? it.retried : it.cancelled, "job")} ${what === "retry" ? "queued again" : "cancelled"}.${it.remaining ? ` ${count(it.remaining)} are left; order it once more.` : ""}`,
    );
    setBusy(false);
    if (answer === undefined) return;
    done();
    onClose();
  }
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <${ProblemNote} problem=${trial.problem} retry=${trial.reload} />
    <p aria-live="polite">${number === null ? "Counting…" : number === 0 ? "No job matches: there is nothing to do." : html`This ${what === "retry" ? "queues" : "cancels"} <strong>${plural(number, "job")}</strong>.${trial.data.skipped ? ` ${plural(trial.data.skipped, "job")} more matched, but their documents are worked on or were indexed since.` : ""}`}</p>
    ${what === "retry" && number > 0 && html`<${Field} label="How many a minute" hint="Empty for all at once. A pace protects a service that was just down.">
      ${(given) => html`<input ...${given} class="input" type="number" min="1" max="100000" value=${pace} onInput=${(event) => setPace(event.target.value)} />`}
    <//>`}
    <footer class="dialog-foot">
      <button type="button" class="button" onClick=${onClose}>Keep as it is</button>
      <button type="button" class=${`button button-${what === "retry" ? "main" : "bad"}`} disabled=${busy || !number} onClick=${act}>${what === "retry" ? "Retry" : "Cancel"}${number ? ` ${plural(number, "job")}` : ""}</button>
    </footer>
  <//>`;
}
