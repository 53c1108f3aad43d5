// Every job that ever was.
import { all, get } from "../api.js";
import { Empty, ProblemNote, Skeleton } from "../components/feedback.js";
import { PageHead } from "../components/page.js";
import { Progress } from "../components/progress.js";
import { WorkStatus } from "../components/status.js";
import { More, Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { money, seconds, short } from "../format.js";
import { ticks, useLive } from "../live.js";
import { usePages, useResource, useThrottled } from "../resource.js";
import { query, setQuery } from "../router.js";
import { html } from "../ui.js";
import { whatHappened } from "../words.js";
import { JobFilters, wantedOf } from "./jobs/filters.js";

export function JobsPage() {
  const given = query.value;
  const { sort, ...filters } = wantedOf(given);
  const key = JSON.stringify(filters);
  const jobs = usePages("/jobs", { ...filters, sort });
  const counts = useResource((signal) => get("/jobs/counts", { ...filters, status: null }, { signal }), [key]);
  const datasets = useResource(() => all("/datasets", {}, 400), []);
  const refresh = useThrottled(() => {
    jobs.reload();
    counts.reload();
  }, 2000);
  useLive(null, refresh);
  const filtered = [...given.keys()].some((name) => name !== "sort");
  return html`<${PageHead} title="Jobs" about="Every piece of work on a document, now and ever." />
    <${JobFilters} given=${given} counts=${counts.data} datasets=${datasets.data ?? []} />
    <${ProblemNote} problem=${jobs.problem} retry=${jobs.reload} />
    ${jobs.loading && html`<${Skeleton} rows=${10} />`}
    ${jobs.data && jobs.items.length === 0 &&
    html`<${Empty} icon="jobs" title=${filtered ? "No job matches" : "No jobs yet"} action=${filtered && html`<button type="button" class="button" onClick=${() => setQuery(Object.fromEntries([...given.keys()].map((name) => [name, null])))}>Clear the filters</button>`}>
      ${filtered ? "Take a filter away, or look at a longer time." : "Upload a file to a dataset; its job appears here at once."}
    <//>`}
    ${jobs.items.length > 0 && html`<${Table} label="Jobs" columns=${COLUMNS} items=${jobs.items} keyOf=${(it) => it.task_id} />`}
    <${More} list=${jobs} />`;
}

const COLUMNS = [
  { name: "File", kind: "main", cell: (it) => html`<a class="row-link" href=${`/jobs/${it.task_id}`}>${it.file_name}</a>${it.error_code && it.status !== "completed" && html`<p class=${it.status === "failed" ? "why bad-text" : "why muted"}>${whatHappened(it.error_code, it.error)}</p>`}` },
  { name: "State", kind: "state", cell: (it) => html`<${State} item=${it} />` },
  { name: "Dataset", kind: "wide", cell: (it) => html`<a class="break" href=${`/datasets/${it.dataset_id}`}>${it.dataset_name ?? "Dataset"}</a>` },
  { name: "Tokens", kind: "number", cell: (it) => short(it.tokens) },
  { name: "Cost", kind: "number", cell: (it) => money(it.cost) },
  { name: "Took", kind: "number", cell: (it) => seconds(it.duration_seconds) },
  { name: "Made", kind: "number", cell: (it) => html`<${Time} at=${it.created_at} />` },
];

function State({ item }) {
  const tick = ticks.value[item.task_id];
  if (item.status !== "processing") return html`<${WorkStatus} item=${item} />`;
  const percent = Math.max(tick?.percent ?? 0, item.progress);
  return html`<span class="state-cell"><span class="badges"><${WorkStatus} item=${item} tick=${tick} /><span class="muted">${percent}%</span></span><${Progress} percent=${percent} label=${`Progress of ${item.file_name}`} thin /></span>`;
}
