// One hit: the passage with the query's words marked, where it stands, and what made its score.
import { Marked } from "../../components/marked.js";
import { html } from "../../ui.js";

export function Hit({ hit, rank, best, picked, onPick }) {
  return html`<li class=${`hit ${picked ? "hit-picked" : ""}`}>
    <button type="button" class="hit-button" aria-pressed=${String(picked)} onClick=${onPick} aria-label=${`Show hit ${rank}, ${hit.file_name}, in its document`}>
      <span class="hit-rank" aria-hidden="true">${rank}</span>
      <span class="hit-file break">${hit.file_name}</span>
      <span class="hit-place muted">${place(hit)}</span>
    </button>
    <p class="hit-text"><${Marked} text=${hit.text} places=${hit.highlights} /></p>
    <${Scores} hit=${hit} best=${best} />
  </li>`;
}

function place(hit) {
  return [
    hit.page !== null && (hit.sheet ? null : `page ${hit.page}`),
    hit.sheet && `sheet ${hit.sheet}`,
    hit.line !== null && (hit.line_end && hit.line_end !== hit.line ? `lines ${hit.line} to ${hit.line_end}` : `line ${hit.line}`),
    hit.attachment && `in ${hit.attachment}`,
    hit.path,
    ...hit.heading_path,
  ].filter(Boolean).join(" · ");
}

function Scores({ hit, best }) {
  const { dense, dense_rank: denseRank, keyword, keyword_rank: keywordRank, rerank } = hit.scores;
  const share = best > 0 ? Math.max(0, hit.score / best) : 0;
  return html`<div class="scores">
    <span class="score-bar" aria-hidden="true"><span style=${{ transform: `scaleX(${Math.min(1, share)})` }}></span></span>
    <span class="score-total" title="Compares with the other hits of this search">${hit.score.toFixed(3)}</span>
    <${Part} name="Meaning" value=${dense} rank=${denseRank} />
    <${Part} name="Words" value=${keyword} rank=${keywordRank} />
    ${rerank !== null && html`<span class="score-part">Reranked <b>${rerank.toFixed(3)}</b></span>`}
  </div>`;
}

function Part({ name, value, rank }) {
  if (value === null) return null;
  return html`<span class="score-part">${name} <b>${value.toFixed(3)}</b>${rank !== null && html` <span class="muted">no. ${rank}</span>`}</span>`;
}
