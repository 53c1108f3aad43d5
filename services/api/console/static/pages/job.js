// One job: what happened to it, attempt by attempt.
import { get, post } from "../api.js";
import { Note, ProblemNote, Skeleton } from "../components/feedback.js";
import { Icon } from "../components/icons.js";
import { Facts, PageHead } from "../components/page.js";
import { Progress } from "../components/progress.js";
import { WorkStatus } from "../components/status.js";
import { Time } from "../components/time.js";
import { order } from "../components/toasts.js";
import { count, exact, money, roughly, seconds } from "../format.js";
import { ticks, useLive } from "../live.js";
import { useResource, useThrottled } from "../resource.js";
import { mayWrite } from "../session.js";
import { html } from "../ui.js";
import { reasonName, waiting, whatHappened, whatToDo } from "../words.js";
import { Attempts } from "./jobs/attempts.js";
import { Timeline } from "./jobs/timeline.js";
import { NotFoundPage } from "./not-found.js";

export function JobPage({ id }) {
  const job = useResource((signal) => get(`/jobs/${id}`, {}, { signal }), [id]);
  const attempts = useResource((signal) => get(`/jobs/${id}/attempts`, { limit: 50 }, { signal }), [id]);
  const timeline = useResource((signal) => get(`/jobs/${id}/timeline`, { limit: 200 }, { signal }), [id]);
  const reload = () => {
    job.reload();
    attempts.reload();
    timeline.reload();
  };
  const refresh = useThrottled(reload, 800);
  useLive(job.data?.dataset_id, (event) => {
    if (event.job_id === id || event.kind.startsWith("live.")) refresh();
  });
  if (job.problem?.status === 404) return html`<${NotFoundPage} what="job" />`;
  if (job.loading) return html`<${PageHead} title="Job" /><${Skeleton} rows=${8} />`;
  if (!job.data) return html`<${ProblemNote} problem=${job.problem} retry=${reload} />`;
  return html`<${Head} job=${job.data} reload=${reload} />
    <${Now} job=${job.data} />
    <section class="panel"><h2>What is known</h2><${Known} job=${job.data} /></section>
    <section class="panel">
      <h2>Timeline</h2>
      <${ProblemNote} problem=${timeline.problem} retry=${timeline.reload} />
      ${timeline.loading ? html`<${Skeleton} rows=${4} />` : html`<${Timeline} events=${timeline.data?.items ?? []} />`}
    </section>
    <section class="panel">
      <h2>Attempts</h2>
      <${ProblemNote} problem=${attempts.problem} retry=${attempts.reload} />
      ${attempts.loading ? html`<${Skeleton} rows=${4} />` : html`<${Attempts} attempts=${attempts.data?.items ?? []} />`}
    </section>`;
}

function Head({ job, reload }) {
  const retriable = ["failed", "cancelled"].includes(job.status);
  const cancellable = ["queued", "processing"].includes(job.status);
  const act = (what, said) => async () => {
    if ((await order(() => post(`/jobs/${job.task_id}/${what}`), said)) !== undefined) reload();
  };
  const trail = html`<a href="/jobs">Jobs</a>`;
  return html`<${PageHead} title=${job.file_name} trail=${trail}>
    <${WorkStatus} item=${job} tick=${ticks.value[job.task_id]} />
    ${mayWrite.value && retriable && html`<button type="button" class="button button-main" onClick=${act("retry", "Queued again.")}><${Icon} name="retry" />Retry</button>`}
    ${mayWrite.value && cancellable && html`<button type="button" class="button" onClick=${act("cancel", "Cancelled.")}><${Icon} name="close" />Cancel</button>`}
  <//>`;
}

function Now({ job }) {
  const tick = ticks.value[job.task_id];
  if (job.status === "processing") {
    const percent = Math.max(tick?.percent ?? 0, job.progress);
    const left = tick?.seconds_left ?? job.seconds_left;
    return html`<div class="overall" aria-live="polite">
      <${Progress} percent=${percent} label="Progress" />
      <p class="muted"><span class="overall-percent">${percent}%</span> ${left ? `about ${roughly(left)} left, ` : ""}${count(tick?.chunks_done ?? job.chunks_done)} chunks so far</p>
    </div>`;
  }
  if (job.status === "completed") return null;
  if (job.error_code) {
    return html`<${Note} tone=${job.status === "failed" ? "bad" : "warn"}>
      <strong>${whatHappened(job.error_code, job.error)}</strong>
      <p>${whatToDo(job.error_code)} ${job.next_attempt_at && html`<span>Next try: ${exact(job.next_attempt_at)}.</span>`}</p>
      <p class="muted"><code>${job.error_code}</code> ${job.error}</p>
      ${job.error_fingerprint && html`<p><a href=${`/jobs?fingerprint=${job.error_fingerprint}`}>Jobs that failed alike</a></p>`}
    <//>`;
  }
  return job.waiting_for ? html`<${Note} tone="warn">${waiting(job.waiting_for)}.<//>` : null;
}

function Known({ job }) {
  return html`<${Facts}
    items=${[
      ["Dataset", html`<a href=${`/datasets/${job.dataset_id}`}>${job.dataset_name ?? "Its dataset"}</a>`],
      ["Document", html`<a href=${`/datasets/${job.dataset_id}?document=${job.document_id}`}>Details and chunks</a>`],
      ["Why it was made", reasonName(job.reason)],
      ["Worker", job.worker],
      ["Made", html`<${Time} at=${job.created_at} />`],
      ["Begun", job.started_at && html`<${Time} at=${job.started_at} />`],
      ["Finished", job.finished_at && html`<${Time} at=${job.finished_at} />`],
      ["Took", seconds(job.duration_seconds)],
      ["Tries after the first", count(job.retries)],
      ["Chunks", count(job.chunks_done)],
      ["Tokens", job.tokens_saved ? `${count(job.tokens)}, ${count(job.tokens_saved)} saved` : count(job.tokens)],
      ["Cost", money(job.cost)],
      ["Priority", job.priority],
      ["Id", html`<code>${job.task_id}</code>`],
    ]}
  />`;
}
