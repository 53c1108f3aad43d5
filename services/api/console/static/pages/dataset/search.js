// The search playground: what does this dataset answer, and why.
import { get, post } from "../../api.js";
import { Empty, ProblemNote, Skeleton } from "../../components/feedback.js";
import { Icon } from "../../components/icons.js";
import { PdfPage } from "../../components/pdf-page.js";
import { plural } from "../../format.js";
import { useResource } from "../../resource.js";
import { query as address, setQuery } from "../../router.js";
import { html, useEffect, useRef, useState } from "../../ui.js";
import { caveatName } from "../../words.js";
import { Hit } from "./hit.js";
import { SearchForm, searchBody } from "./search-form.js";

const NARROW = "(max-width: 60rem)"; // as in css/pages.css

export function SearchTab({ dataset }) {
  const [asked, setAsked] = useState(() => fromAddress());
  const [result, setResult] = useState(null);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const [picked, setPicked] = useState(null);
  const turn = useRef(0);
  const preview = useRef(null);

  async function ask(wanted, offset = 0) {
    const mine = ++turn.current;
    setAsked(wanted);
    setBusy(true);
    setProblem(null);
    setQuery({ q: wanted.query, mode: wanted.mode === "hybrid" ? null : wanted.mode });
    const began = performance.now();
    try {
      const answer = await post(`/datasets/${dataset.id}/search`, { ...searchBody(wanted), offset });
      if (mine !== turn.current) return;
      const hits = offset ? [...result.hits, ...answer.hits] : answer.hits;
      setResult({ ...answer, hits, milliseconds: Math.round(performance.now() - began) });
      if (!offset) setPicked(answer.hits[0]?.chunk_id ?? null);
    } catch (refused) {
      if (mine === turn.current) setProblem(refused);
    }
    if (mine === turn.current) setBusy(false);
  }
  function pick(hit) {
    setPicked(hit.chunk_id);
    // On a narrow screen the passage is below the hits.
    if (matchMedia(NARROW).matches) requestAnimationFrame(() => preview.current.scrollIntoView({ block: "start" }));
  }
  useEffect(() => {
    if (asked.query) ask(asked);
  }, []);

  const hits = result?.hits ?? [];
  const shown = hits.find((hit) => hit.chunk_id === picked) ?? null;
  return html`<${SearchForm} asked=${asked} busy=${busy} onAsk=${ask} />
    <${ProblemNote} problem=${problem} retry=${() => ask(asked)} />
    <p class="result-line muted" aria-live="polite">${result && !busy ? `${plural(hits.length, "hit")} in ${result.milliseconds} ms` : ""}</p>
    ${result?.caveats.map((caveat) => html`<div class="note note-warn" key=${caveat.code}><div><strong>${caveatName(caveat.code)}</strong><p>${caveat.message}</p></div></div>`)}
    ${busy && !result && html`<${Skeleton} rows=${6} />`}
    ${!result && !busy && !problem && html`<${Suggest} dataset=${dataset} />`}
    ${result && hits.length === 0 && !busy && html`<${Empty} icon="search" title="Nothing found">Try other words, another mode, or fewer filters.<//>`}
    ${hits.length > 0 &&
    html`<div class=${`results ${busy ? "results-old" : ""}`}>
      <ol class="hits">
        ${hits.map((hit, index) => html`<${Hit} key=${hit.chunk_id} hit=${hit} rank=${index + 1} best=${hits[0].score} picked=${hit === shown} onPick=${() => pick(hit)} />`)}
        ${result.next_offset !== null && html`<li class="more"><button type="button" class="button" disabled=${busy} onClick=${() => ask(asked, result.next_offset)}>Show more</button></li>`}
      </ol>
      <aside ref=${preview} class="preview" aria-label="The passage in its document">${shown && html`<${Preview} key=${shown.document_id} hit=${shown} />`}</aside>
    </div>`}`;
}

function Suggest({ dataset }) {
  if (dataset.searchable_count === 0) {
    return html`<${Empty} icon="search" title="Nothing to search yet">Upload documents first; each is searchable as soon as its row says so.<//>`;
  }
  return html`<${Empty} icon="search" title=${`Ask ${plural(dataset.searchable_count, "document")} something`}>Write a question or some words. Press / to come back to the field from anywhere.<//>`;
}

function Preview({ hit }) {
  const isPdf = hit.media_type === "application/pdf" && hit.page !== null && !hit.attachment;
  const root = `/datasets/${hit.dataset_id}/documents/${hit.document_id}`;
  const original = useResource((signal) => get(`${root}/url`, {}, { signal }), [root]);
  return html`<div class="preview-card">
    <header class="preview-head">
      <a class="break" href=${`/datasets/${hit.dataset_id}?document=${hit.document_id}`}>${hit.file_name}</a>
      ${original.data && html`<a class="button button-small" href=${original.data.url} target="_blank" rel="noopener noreferrer"><${Icon} name="link" />Open</a>`}
    </header>
    <${ProblemNote} problem=${original.problem} retry=${original.reload} />
    ${isPdf && original.data && html`<${PdfPage} fileKey=${`${hit.document_id} ${hit.uploaded_at}`} url=${original.data.url} page=${hit.page} box=${hit.box} name=${hit.file_name} />`}
    ${isPdf && !original.data && html`<div class="pdf pdf-waits"></div>`}
    ${!isPdf && html`<${Around} hit=${hit} />`}
  </div>`;
}

/** For what has no pages: the passage between its neighbours. */
function Around({ hit }) {
  const neighbours = hit.before.length + hit.after.length;
  return html`<div class="around">
    ${hit.before.map((it) => html`<p class="around-beside" key=${it.chunk_id}>${it.text}</p>`)}
    <p class="around-hit">${hit.text}</p>
    ${hit.after.map((it) => html`<p class="around-beside" key=${it.chunk_id}>${it.text}</p>`)}
    ${neighbours === 0 && html`<p class="muted">It is the whole document.</p>`}
  </div>`;
}

function fromAddress() {
  const given = address.value;
  return { query: given.get("q") ?? "", mode: given.get("mode") ?? "hybrid" };
}
