// The question, and how it is to be answered.
import { Field, Select } from "../../components/field.js";
import { Icon } from "../../components/icons.js";
import { html, useState } from "../../ui.js";

const MODES = [
  ["hybrid", "Meaning and words"],
  ["dense", "Meaning"],
  ["keyword", "Words"],
];
const TYPES = [
  ["", "All types"],
  ["application/pdf", "PDF"],
  ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "Word"],
  ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "Excel"],
  ["application/vnd.openxmlformats-officedocument.presentationml.presentation", "PowerPoint"],
  ["text/html", "HTML"],
  ["text/markdown", "Markdown"],
  ["text/plain", "Text"],
  ["text/csv", "CSV"],
  ["message/rfc822", "Mail"],
];
const NEIGHBOURS = 1;

export function SearchForm({ asked, busy, onAsk }) {
  const [wanted, setWanted] = useState(asked);
  const set = (changes) => setWanted({ ...wanted, ...changes });
  const filters = ["fileName", "mediaType", "pageFrom", "pageTo", "minScore", "metadata"].filter((name) => wanted[name]).length;
  function ask(event) {
    event.preventDefault();
    if (wanted.query.trim()) onAsk(wanted);
  }
  return html`<form class="search" role="search" onSubmit=${ask}>
    <div class="search-line">
      <label class="hidden" for="search-query">Question</label>
      <span class="search-field">
        <${Icon} name="search" />
        <input id="search-query" class="input" type="search" maxlength="4000" placeholder="What do you want to know?" value=${wanted.query} data-slash onInput=${(event) => set({ query: event.target.value })} />
        <kbd aria-hidden="true">/</kbd>
      </span>
      <label class="hidden" for="search-mode">Search by</label>
      <select id="search-mode" class="input" value=${wanted.mode} onChange=${(event) => set({ mode: event.target.value })}>
        ${MODES.map(([key, name]) => html`<option key=${key} value=${key} selected=${wanted.mode === key}>${name}</option>`)}
      </select>
      <button class="button button-main" disabled=${busy || !wanted.query.trim()}>${busy ? "Searching" : "Search"}</button>
    </div>
    <details class="fold search-more">
      <summary>Filters and options${filters > 0 ? ` (${filters})` : ""}</summary>
      <div class="form-grid">
        <${Text} label="File name begins with" value=${wanted.fileName} set=${(fileName) => set({ fileName })} />
        <${Select} label="Type" value=${wanted.mediaType ?? ""} options=${TYPES} onChange=${(mediaType) => set({ mediaType })} />
        <${Text} label="From page" type="number" min="1" value=${wanted.pageFrom} set=${(pageFrom) => set({ pageFrom })} />
        <${Text} label="To page" type="number" min="1" value=${wanted.pageTo} set=${(pageTo) => set({ pageTo })} />
        <${Text} label="Metadata" placeholder="customer=acme" value=${wanted.metadata} set=${(metadata) => set({ metadata })} />
        <${Text} label="Score at least" type="number" min="-1" step="any" value=${wanted.minScore} set=${(minScore) => set({ minScore })} />
      </div>
      <label class="check"><input type="checkbox" checked=${wanted.grouped} onChange=${(event) => set({ grouped: event.target.checked })} /><span>Only the best passage of each document</span></label>
      <label class="check"><input type="checkbox" checked=${wanted.unranked} onChange=${(event) => set({ unranked: event.target.checked })} /><span>Without the reranker</span></label>
    </details>
  </form>`;
}

function Text({ label, value, set, ...rest }) {
  return html`<${Field} label=${label}>${(given) => html`<input ...${given} ...${rest} class="input" value=${value ?? ""} onInput=${(event) => set(event.target.value)} />`}<//>`;
}

/** The form as the API's body. */
export function searchBody(wanted) {
  const filter = {};
  if (wanted.fileName) filter.file_name = { prefix: wanted.fileName };
  if (wanted.mediaType) filter.media_type = wanted.mediaType;
  const page = {};
  if (wanted.pageFrom) page.gte = Number(wanted.pageFrom);
  if (wanted.pageTo) page.lte = Number(wanted.pageTo);
  if (Object.keys(page).length) filter.page = page;
  const metadata = metadataOf(wanted.metadata);
  if (Object.keys(metadata).length) filter.metadata = metadata;
  return {
    query: wanted.query,
    mode: wanted.mode,
    neighbours: NEIGHBOURS,
    ...(Object.keys(filter).length ? { filter } : {}),
    ...(wanted.minScore ? { min_score: Number(wanted.minScore) } : {}),
    ...(wanted.grouped ? { group_by: "document" } : {}),
    ...(wanted.unranked ? { rerank: false } : {}),
  };
}

/** "customer=acme, year=2026": numbers, true and false are taken for what they look like. */
function metadataOf(text) {
  const pairs = (text ?? "").split(",").map((pair) => pair.split("=").map((part) => part.trim()));
  return Object.fromEntries(pairs.filter(([name, value]) => name && value).map(([name, value]) => [name, typed(value)]));
}

function typed(value) {
  if (value === "true" || value === "false") return value === "true";
  return value !== "" && !Number.isNaN(Number(value)) ? Number(value) : value;
}
