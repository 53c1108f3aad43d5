// Every start of the work on a job, the latest first, and where its time went.
import { Status } from "../../components/status.js";
import { Time } from "../../components/time.js";
import { count, plural, seconds } from "../../format.js";
import { html } from "../../ui.js";
import { STAGE_NAMES, stageName, whatHappened } from "../../words.js";

export function Attempts({ attempts }) {
  if (attempts.length === 0) return html`<p class="muted">No worker has begun it.</p>`;
  return html`<ol class="stack">${attempts.map((attempt) => html`<${Attempt} key=${attempt.number} attempt=${attempt} />`)}</ol>`;
}

function Attempt({ attempt }) {
  const took = attempt.finished_at ? (Date.parse(attempt.finished_at) - Date.parse(attempt.started_at)) / 1000 : null;
  return html`<li class="attempt">
    <div class="attempt-head">
      <strong>Attempt ${attempt.number}</strong>
      <${Status} name=${attempt.outcome} />
      <span class="muted"><${Time} at=${attempt.started_at} />${took !== null && `, took ${seconds(took)}`} · ${attempt.worker}</span>
    </div>
    <p class="muted">${plural(attempt.chunks_embedded, "chunk")} embedded, ${count(attempt.chunks_reused)} reused, ${plural(attempt.tokens, "token")}</p>
    <${Stages} spent=${attempt.stage_seconds} />
    ${attempt.error_code && html`<p class=${attempt.outcome === "failed" ? "bad-text" : "warn-text"}>${whatHappened(attempt.error_code, attempt.error)}${attempt.stage && ` While ${stageName(attempt.stage).toLowerCase()}.`} <code>${attempt.error_code}</code></p>`}
    ${attempt.error && html`<p class="muted break">${attempt.error}</p>`}
    ${attempt.traceback && html`<details class="fold"><summary>Traceback</summary><pre class="traceback" tabindex="0">${attempt.traceback}</pre></details>`}
  </li>`;
}

function Stages({ spent }) {
  const stages = Object.entries(spent ?? {}).filter(([, time]) => time > 0).sort(([a], [b]) => STAGE_NAMES.indexOf(a) - STAGE_NAMES.indexOf(b));
  if (stages.length === 0) return null;
  const total = stages.reduce((sum, [, time]) => sum + time, 0);
  const tone = (name) => `tone-${STAGE_NAMES.includes(name) ? STAGE_NAMES.indexOf(name) : STAGE_NAMES.length}`;
  return html`<div class="stages">
    <div class="stages-bar" aria-hidden="true">${stages.map(([name, time]) => html`<span key=${name} class=${tone(name)} style=${{ width: `${(time / total) * 100}%` }}></span>`)}</div>
    <ul class="stages-legend">${stages.map(([name, time]) => html`<li key=${name}><span class=${`swatch ${tone(name)}`}></span>${stageName(name)} <strong>${seconds(time)}</strong></li>`)}</ul>
  </div>`;
}
