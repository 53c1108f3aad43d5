// What the list of jobs is narrowed by. It is all in the address, so a list can be sent to others.
import { Field, Select } from "../../components/field.js";
import { Icon } from "../../components/icons.js";
import { count } from "../../format.js";
import { setQuery } from "../../router.js";
import { html, useEffect, useRef, useState } from "../../ui.js";
import { STAGE_NAMES, stageName } from "../../words.js";

const STATES = ["queued", "processing", "completed", "failed", "cancelled"];
const NAMES = { queued: "Queued", processing: "At work", completed: "Completed", failed: "Failed", cancelled: "Cancelled" };
const COUNTED_MOST = 10_000;
const TIMES = [["", "Any time"], ["1", "The last hour"], ["24", "The last day"], ["168", "The last week"], ["720", "The last 30 days"]];
const SORTS = [["", "Newest first"], ["created", "Oldest first"], ["-finished", "Finished last"], ["-duration", "Longest first"], ["-tokens", "Most tokens first"]];
const TYPING = 350; // milliseconds after which typing is taken for done
const TEXT_MIN = 3; // characters, below which the API searches for nothing

/** The address as the API's query. Hours are counted from the full minute, so that pages fit. */
export function wantedOf(given) {
  const hours = Number(given.get("hours"));
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  const text = (given.get("q") ?? "").trim();
  return {
    status: given.getAll("status"),
    dataset_id: given.get("dataset_id"),
    stage: given.get("stage"),
    error_code: given.get("error_code"),
    worker: given.get("worker"),
    fingerprint: given.get("fingerprint"),
    q: text.length >= TEXT_MIN ? text : null,
    created_after: hours > 0 ? new Date(minute - hours * 3_600_000).toISOString() : null,
    sort: given.get("sort"),
  };
}

export function JobFilters({ given, counts, datasets }) {
  const chosen = given.getAll("status");
  const turn = (state) => setQuery({ status: chosen.includes(state) ? chosen.filter((it) => it !== state) : [...chosen, state] });
  return html`<section class="filters" aria-label="Filters">
    <div class="chips" role="group" aria-label="States">
      ${STATES.map(
        (state) => html`<button type="button" key=${state} class="chip" aria-pressed=${String(chosen.includes(state))} onClick=${() => turn(state)}>
          ${NAMES[state]}<span class="chip-count">${counts ? tally(counts[state]) : "…"}</span>
        </button>`,
      )}
      <span class="spacer"></span>
      <label class="hidden" for="jobs-sort">Order</label>
      <select id="jobs-sort" class="input" onChange=${(event) => setQuery({ sort: event.target.value })}>
        ${SORTS.map(([key, name]) => html`<option key=${key} value=${key} selected=${key === (given.get("sort") ?? "")}>${name}</option>`)}
      </select>
    </div>
    <div class="filter-line">
      <${Typed} name="q" label="File name or id" given=${given} search />
      <${Select} label="Dataset" value=${given.get("dataset_id") ?? ""} options=${[["", "All"], ...datasets.map((it) => [it.id, it.name])]} onChange=${(dataset_id) => setQuery({ dataset_id })} />
      <${Select} label="Stage" value=${given.get("stage") ?? ""} options=${[["", "Any"], ...STAGE_NAMES.map((it) => [it, stageName(it)])]} onChange=${(stage) => setQuery({ stage })} />
      <${Typed} name="error_code" label="Error code" given=${given} />
      <${Typed} name="worker" label="Worker" given=${given} />
      <${Select} label="Made in" value=${given.get("hours") ?? ""} options=${TIMES} onChange=${(hours) => setQuery({ hours })} />
    </div>
    ${given.get("fingerprint") && html`<p class="muted">Only jobs that failed alike. <button type="button" class="button button-small" onClick=${() => setQuery({ fingerprint: null })}>Show all</button></p>`}
  </section>`;
}

const tally = (value) => (value >= COUNTED_MOST ? `${count(COUNTED_MOST)}+` : count(value));

/** A text that takes effect a moment after the last key. */
function Typed({ name, label, given, search = false }) {
  const now = given.get(name) ?? "";
  const [text, setText] = useState(now);
  const timer = useRef(null);
  useEffect(() => setText(now), [now]);
  useEffect(() => () => clearTimeout(timer.current), []);
  function type(event) {
    const value = event.target.value;
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ [name]: value.trim() }), TYPING);
  }
  if (!search) return html`<${Field} label=${label}>${(ids) => html`<input ...${ids} class="input" value=${text} spellcheck=${false} onInput=${type} />`}<//>`;
  return html`<div class="search-field">
    <label class="hidden" for="jobs-search">${label}</label>
    <${Icon} name="search" />
    <input id="jobs-search" class="input" type="search" placeholder=${label} data-slash value=${text} onInput=${type} />
    <kbd aria-hidden="true">/</kbd>
  </div>`;
}
