// Tokens and money: by day, by dataset, by model.
import { all, get } from "../api.js";
import { BarChart } from "../components/bar-chart.js";
import { Empty, Note, ProblemNote, Skeleton } from "../components/feedback.js";
import { Figures, PageHead } from "../components/page.js";
import { Table } from "../components/table.js";
import { count, money, short } from "../format.js";
import { useResource } from "../resource.js";
import { query, setQuery } from "../router.js";
import { html } from "../ui.js";
import { GROUPS_MAX } from "./dataset/spent.js";

const RANGES = [["7", "Week"], ["30", "30 days"], ["90", "90 days"]];
const TONES = 5; // then "others"
const DAY = 86_400_000;

export function CostsPage() {
  const span = query.value.get("days") ?? "30";
  const days = daysOf(Number(span));
  const range = { first_day: days[0], last_day: days.at(-1), limit: GROUPS_MAX };
  const daily = useResource((signal) => dailyUsage(range, signal), [span]);
  const dataset = useResource((signal) => get("/usage", { ...range, group_by: "dataset" }, { signal }), [span]);
  const model = useResource((signal) => get("/usage", { ...range, group_by: "model" }, { signal }), [span]);
  const names = useResource(namesOfDatasets, []);
  const problem = daily.problem ?? dataset.problem ?? model.problem;
  const total = daily.data?.total;
  // A model without a price has a curve of tokens alone.
  const measure = query.value.get("of") ?? (total && Number(total.cost) === 0 ? "tokens" : "cost");
  const none = total && total.tokens === 0 && total.tokens_saved === 0;
  return html`<${PageHead} title="Costs" about="What embedding has cost, in US dollars and UTC days.">
      <div class="range" role="group" aria-label="How far back">
        ${RANGES.map(([key, name]) => html`<button type="button" key=${key} class="chip" aria-pressed=${String(key === span)} onClick=${() => setQuery({ days: key })}>${name}</button>`)}
      </div>
    <//>
    <${ProblemNote} problem=${problem} retry=${daily.reload} />
    ${daily.loading && html`<${Skeleton} rows=${6} />`}
    ${none && html`<${Empty} icon="costs" title="Nothing was spent">Costs appear with the first document that is embedded, and with searches by meaning.<//>`}
    ${total && !none && html`<${Figures} items=${[
      ["Cost", money(total.cost)],
      ["Tokens", short(total.tokens)],
      ["Saved", money(total.cost_saved), total.texts_reused ? `${count(total.texts_reused)} texts reused` : null],
      ["Tokens saved", short(total.tokens_saved)],
    ]} />`}
    ${total?.tokens_unpriced > 0 && html`<${Note} tone="warn"><strong>${count(total.tokens_unpriced)} tokens have no price.</strong><p>Their model is not in <code>SLUICE_EMBEDDING_PRICES</code>, so they add nothing to the cost.</p><//>`}
    ${daily.data && !none && html`<${Daily} groups=${daily.data.groups} days=${days} measure=${measure} />`}
    ${dataset.data?.groups.length > 0 && html`<section class="stack-tight"><h2>By dataset</h2><${Table} label="Costs by dataset" columns=${columns("Dataset", (it) => html`<${DatasetName} id=${it.dataset_id} names=${names.data} />`)} items=${dataset.data.groups} keyOf=${(it) => it.dataset_id ?? "none"} /><${Cut} usage=${dataset.data} what="datasets" /></section>`}
    ${model.data?.groups.length > 0 && html`<section class="stack-tight"><h2>By model</h2><${Table} label="Costs by model" columns=${columns("Model", (it) => html`<strong class="break">${it.model}</strong>`)} items=${model.data.groups} keyOf=${(it) => it.model ?? "none"} /><${Cut} usage=${model.data} what="models" /></section>`}
    ${daily.data?.groups.length > 0 && html`<details class="fold"><summary>By day</summary><${Table} label="Costs by day" columns=${columns("Day", (it) => html`<strong>${it.day}</strong> <span class="muted break">${it.model}</span>`)} items=${[...daily.data.groups].sort((a, b) => b.day.localeCompare(a.day))} keyOf=${(it) => `${it.day} ${it.model}`} /></details>`}`;
}

function Cut({ usage, what }) {
  return usage.more && html`<p class="list-note muted">The ${GROUPS_MAX} ${what} that took most tokens. The figures above are of all.</p>`;
}

function Daily({ groups, days, measure }) {
  const value = (group) => (measure === "tokens" ? group.tokens : Number(group.cost));
  const byModel = new Map();
  for (const group of groups) {
    const part = byModel.get(group.model) ?? { name: group.model ?? "All models", total: 0, values: new Map() };
    part.total += value(group);
    part.values.set(group.day, (part.values.get(group.day) ?? 0) + value(group));
    byModel.set(group.model, part);
  }
  const parts = [...byModel.values()].sort((a, b) => b.total - a.total).map((part, index) => ({ ...part, tone: Math.min(index, TONES) }));
  const other = measure === "tokens" ? "cost" : "tokens";
  const action = html`<button type="button" class="button button-small" onClick=${() => setQuery({ of: other })}>Show ${other === "cost" ? "money" : "tokens"}</button>`;
  return html`<${BarChart} title=${measure === "tokens" ? "Tokens a day" : "Cost a day"} days=${days} parts=${parts} show=${measure === "tokens" ? short : (it) => money(String(it))} action=${action} />`;
}

function DatasetName({ id, names }) {
  if (id === null) return html`<span class="muted">Searches over several datasets</span>`;
  const name = names?.get(id);
  return name ? html`<a class="row-link" href=${`/datasets/${id}`}>${name}</a>` : html`<span class="muted">Deleted, <code>${id}</code></span>`;
}

const columns = (name, cell) => [
  { name, kind: "main", cell },
  { name: "Tokens", kind: "number", cell: (it) => count(it.tokens) },
  { name: "Cost", kind: "number", cell: (it) => money(it.cost) },
  { name: "Tokens saved", kind: "number", cell: (it) => count(it.tokens_saved) },
  { name: "Saved", kind: "number", cell: (it) => money(it.cost_saved) },
];

/** By day and model; by day alone where those are more than one answer holds, so that none is missing. */
async function dailyUsage(range, signal) {
  const split = await get("/usage", { ...range, group_by: ["day", "model"] }, { signal });
  return split.more ? get("/usage", { ...range, group_by: "day" }, { signal }) : split;
}

const namesOfDatasets = async () => new Map((await all("/datasets", {}, 2000)).map((it) => [it.id, it.name]));

function daysOf(number) {
  const today = Date.now();
  return Array.from({ length: number }, (_, index) => new Date(today - (number - 1 - index) * DAY).toISOString().slice(0, 10));
}
