// The machinery: who works on what, what waits, how fast it goes, what is out of order.
import { get } from "../api.js";
import { LineChart, niceSeconds } from "../components/line-chart.js";
import { Empty, ProblemNote, Skeleton } from "../components/feedback.js";
import { Figures, PageHead } from "../components/page.js";
import { Progress } from "../components/progress.js";
import { Status } from "../components/status.js";
import { Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { NOTHING, bytes, count, plural, seconds, short, shortSeconds } from "../format.js";
import { useInterval, useResource } from "../resource.js";
import { query, setQuery } from "../router.js";
import { html } from "../ui.js";
import { stageName } from "../words.js";
import { Drift } from "./workers/drift.js";
import { Outside } from "./workers/outside.js";

const RANGES = [["60", "Hour"], ["1440", "Day"], ["10080", "Week"]];
const LOOK_EVERY = 5_000;
const SAMPLED_WITHIN = 10_000; // milliseconds; a step that ended just now may get its point yet
const QUIET = { queued: 0, processing: 0, completed: 0, failed: 0, chunks: 0, tokens: 0, cost: null, oldest_seconds: null, p50_seconds: null, p95_seconds: null };

export function WorkersPage() {
  const minutes = query.value.get("minutes") ?? "60";
  const workers = useResource((signal) => get("/workers", {}, { signal }), []);
  const queues = useResource((signal) => get("/queues", {}, { signal }), []);
  const history = useResource((signal) => get("/history", { minutes }, { signal }), [minutes]);
  useInterval(() => [workers, queues].forEach((it) => it.reload()), LOOK_EVERY);
  useInterval(history.reload, 2 * LOOK_EVERY);
  return html`<${PageHead} title="Workers and queues" about="Looked at every 5 seconds." />
    <${ProblemNote} problem=${queues.problem} retry=${queues.reload} />
    ${queues.data ? html`<${Queues} queues=${queues.data} />` : !queues.problem && html`<${Skeleton} rows=${2} />`}
    <section class="stack-tight">
      <h2>Workers</h2>
      <${ProblemNote} problem=${workers.problem} retry=${workers.reload} />
      ${workers.loading && html`<${Skeleton} rows=${3} />`}
      ${workers.data?.items.length === 0 && html`<${Empty} icon="workers" title="No worker is alive">Documents wait until one starts: <code>make up</code> on one machine, or the worker's container.<//>`}
      ${workers.data?.items.length > 0 && html`<${Table} label="Workers" columns=${COLUMNS} items=${workers.data.items} keyOf=${(it) => it.name} />`}
    </section>
    <section class="stack-tight">
      <div class="panel-head">
        <h2>Over time</h2>
        <div class="range" role="group" aria-label="How far back">
          ${RANGES.map(([key, name]) => html`<button type="button" key=${key} class="chip" aria-pressed=${String(key === minutes)} onClick=${() => setQuery({ minutes: key })}>${name}</button>`)}
        </div>
      </div>
      <${ProblemNote} problem=${history.problem} retry=${history.reload} />
      ${history.loading ? html`<${Skeleton} rows=${6} />` : history.data && html`<${Charts} history=${history.data} idle=${queues.data?.unfinished === 0} />`}
    </section>
    ${queues.data && html`<${Outside} queues=${queues.data} />`}
    <${Drift} />`;
}

function Queues({ queues }) {
  const waits = Object.entries(queues.waiting_for ?? {}).filter(([, number]) => number > 0);
  const oldest = Math.max(...queues.lanes.map((lane) => lane.oldest_seconds ?? 0), 0);
  return html`<${Figures}
      items=${[
        ["Unfinished", count(queues.unfinished)],
        ["At work", count(queues.processing)],
        ["Oldest waits", oldest > 0 ? seconds(oldest) : NOTHING],
        ["Jobs a minute", short(round(queues.throughput.jobs_per_minute))],
        ["Chunks a minute", short(round(queues.throughput.chunks_per_minute))],
        ...waits.map(([why, number]) => [WAITS[why] ?? why, count(number)]),
      ]}
    />
    <${Table} label="Lanes" columns=${LANES} items=${queues.lanes} keyOf=${(it) => it.name} />`;
}

const WAITS = { ready: "Ready for a worker", retry: "Wait to try again", dependency: "Wait for a service", pause: "Paused" };
const round = (value) => (value === null || value === undefined ? value : Math.round(value * 10) / 10);

const LANES = [
  { name: "Lane", kind: "main", cell: (it) => html`<strong>${LANE_NAMES[it.name] ?? it.name}</strong>` },
  { name: "Messages waiting", kind: "number", cell: (it) => count(it.waiting) },
  { name: "Jobs called out", kind: "number", cell: (it) => count(it.announced) },
  { name: "Oldest", kind: "number", cell: (it) => seconds(it.oldest_seconds) },
];
const LANE_NAMES = { documents: "Ordinary files", "documents-large": "Large files", "documents-next": "The next file of a quiet dataset" };

const COLUMNS = [
  { name: "Worker", kind: "main", cell: (it) => html`<strong class="break">${it.name}</strong><p class="why muted">${it.host}, process ${it.pid}, version ${it.version}</p>` },
  { name: "State", kind: "state", cell: (it) => html`<${Status} name=${it.state} />` },
  { name: "At work on", kind: "wide", cell: (it) => html`<${Jobs} worker=${it} />` },
  { name: "Memory", kind: "number", cell: (it) => bytes(it.memory_bytes) },
  { name: "CPU", kind: "number", cell: (it) => (it.cpu_percent === null ? NOTHING : `${Math.round(it.cpu_percent)}%`) },
  { name: "Restarts", kind: "number", cell: (it) => count(it.restarts) },
  { name: "Started", kind: "number", cell: (it) => html`<${Time} at=${it.started_at} />` },
  { name: "Seen", kind: "number", cell: (it) => html`<${Time} at=${it.seen_at} />` },
];

function Jobs({ worker: { jobs, busy, threads } }) {
  // Those at work may be another tenant's.
  if (jobs.length === 0) return html`<span class="muted">${busy ? `${count(busy)} of ${plural(threads, "thread")} busy` : "Nothing"}</span>`;
  return html`<ul class="plain-list">
    ${jobs.map((job) => html`<li key=${job.job_id} class="state-cell"><span><a class="break" href=${`/jobs/${job.job_id}`}>${job.file_name}</a> <span class="muted">${stageName(job.stage)} ${job.percent}%</span></span><${Progress} percent=${job.percent} label=${`Progress of ${job.file_name}`} thin /></li>`)}
  </ul>`;
}

function Charts({ history, idle }) {
  const step = history.step_seconds;
  const points = everyStep(history, idle);
  if (points.length === 0) return html`<${Empty} icon="jobs" title="No past yet">Curves appear here as soon as there is something to do. A point is added every few seconds.<//>`;
  const perMinute = (value) => (value === null || value === undefined ? null : (value * 60) / step);
  return html`<div class="charts">
    <${LineChart} title="Unfinished jobs" points=${points} filled lines=${[{ name: "Queued", tone: 1, bridged: true, of: (it) => it.queued }, { name: "At work", tone: 0, bridged: true, of: (it) => it.processing }]} show=${short} />
    <${LineChart} title="Jobs a minute" points=${points} lines=${[{ name: "Completed", tone: 2, of: (it) => perMinute(it.completed) }, { name: "Failed", tone: 4, of: (it) => perMinute(it.failed) }]} show=${(value) => short(round(value))} />
    <${LineChart} title="How long jobs take" points=${points} lines=${[{ name: "Half of them", tone: 0, of: (it) => it.p50_seconds }, { name: "95 of 100", tone: 3, of: (it) => it.p95_seconds }]} show=${seconds} scale=${shortSeconds} ceiling=${niceSeconds} />
    <${LineChart} title="Age of the oldest" points=${points} filled lines=${[{ name: "Oldest", tone: 1, of: (it) => it.oldest_seconds }]} show=${seconds} scale=${shortSeconds} ceiling=${niceSeconds} />
    <${LineChart} title="Chunks a minute" points=${points} filled lines=${[{ name: "Chunks", tone: 7, of: (it) => perMinute(it.chunks) }]} show=${(value) => short(round(value))} />
    <${LineChart} title="Tokens a minute" points=${points} filled lines=${[{ name: "Tokens", tone: 6, of: (it) => perMinute(it.tokens) }]} show=${(value) => short(round(value))} />
  </div>`;
}

/** Steps in which nothing was there to do have no point: they are drawn as such, up to now while nothing is. */
function everyStep({ points, step_seconds: step }, idle) {
  if (points.length === 0) return points;
  const known = new Map(points.map((point) => [Date.parse(point.at), point]));
  const first = Date.parse(points[0].at);
  const last = Date.parse(points.at(-1).at);
  const settled = Date.now() - step * 1000 - SAMPLED_WITHIN;
  const steps = [];
  for (let at = first; at <= Math.max(last, idle ? settled : last); at += step * 1000) {
    steps.push(known.get(at) ?? { ...QUIET, at: new Date(at).toISOString() });
  }
  return steps;
}
