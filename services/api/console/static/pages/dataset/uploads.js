// Files on their way: first to the bucket, then through the pipeline.
import { Icon } from "../../components/icons.js";
import { Progress } from "../../components/progress.js";
import { bytes, plural, roughly } from "../../format.js";
import { ticks } from "../../live.js";
import { html } from "../../ui.js";
import { UNFINISHED, again, stop, tidy, uploads } from "../../upload/queue.js";
import { stageName } from "../../words.js";

const ROWS_MAX = 100; // of a folder of ten thousand files nobody reads more
const ORDER = ["sending", "finishing", "signing", "failed", "waiting", "uploaded", "stopped"];

export function Uploads({ datasetId }) {
  const mine = uploads.value.filter((it) => it.datasetId === datasetId);
  if (mine.length === 0) return null;
  const going = mine.filter((it) => UNFINISHED.has(it.state.value));
  const shown = [...mine].sort((a, b) => ORDER.indexOf(a.state.value) - ORDER.indexOf(b.state.value) || a.id - b.id).slice(0, ROWS_MAX);
  return html`<section class="uploads" aria-label="Uploads">
    <header class="uploads-head">
      <h2 aria-live="polite">${going.length > 0 ? `Uploading ${plural(going.length, "file")} of ${mine.length}` : `${plural(mine.length, "file")} uploaded`}</h2>
      ${going.length < mine.length && html`<button type="button" class="button button-small button-plain" onClick=${() => tidy(datasetId)}>Clear finished</button>`}
    </header>
    <ul class="upload-list">${shown.map((upload) => html`<${Row} key=${upload.id} upload=${upload} />`)}</ul>
    ${mine.length > shown.length && html`<p class="muted">and ${mine.length - shown.length} more</p>`}
  </section>`;
}

function Row({ upload }) {
  const { percent, words, tone } = phase(upload);
  const state = upload.state.value;
  return html`<li class="upload">
    <div class="upload-name" title=${upload.file.name}>${upload.file.name}</div>
    <div class="upload-size muted">${bytes(upload.file.size)}</div>
    <${Progress} percent=${percent} label=${`Progress of ${upload.file.name}`} tone=${tone} thin />
    <div class=${`upload-words ${tone === "bad" ? "bad-text" : "muted"}`}>${words}</div>
    <div class="upload-action">
      ${UNFINISHED.has(state) && html`<button type="button" class="icon-button" aria-label=${`Stop the upload of ${upload.file.name}`} onClick=${() => stop(upload)}><${Icon} name="close" /></button>`}
      ${(state === "failed" || state === "stopped") && html`<button type="button" class="icon-button" aria-label=${`Upload ${upload.file.name} again`} onClick=${() => again(upload)}><${Icon} name="retry" /></button>`}
    </div>
  </li>`;
}

/** How far, in words and percent: the bar fills once for the upload and once for the processing. */
function phase(upload) {
  const sent = upload.sent.value;
  const share = upload.file.size === 0 ? 100 : (sent / upload.file.size) * 100;
  switch (upload.state.value) {
    case "waiting":
      return { percent: 0, words: "Waiting for its turn", tone: "quiet" };
    case "signing":
      return { percent: 0, words: "Starting", tone: "busy" };
    case "sending":
      return { percent: share, words: sending(upload, share), tone: "busy" };
    case "finishing":
      return { percent: 100, words: "Uploaded, telling the service", tone: "busy" };
    case "failed":
      return { percent: share, words: upload.problem.value, tone: "bad" };
    case "stopped":
      return { percent: share, words: "Stopped", tone: "quiet" };
    default:
      return processing(upload);
  }
}

function sending(upload, share) {
  const speed = upload.speed.value;
  const left = speed ? `, ${roughly((upload.file.size - upload.sent.value) / speed)} left` : "";
  return `Uploading ${Math.floor(share)}%${speed ? ` at ${bytes(speed)}/s` : ""}${left}`;
}

function processing(upload) {
  const outcome = upload.outcome.value;
  if (outcome === "completed") return { percent: 100, words: "Searchable", tone: "good" };
  if (outcome === "failed") return { percent: 100, words: "Uploaded, but it could not be read: see below", tone: "bad" };
  if (outcome === "cancelled") return { percent: 100, words: "Uploaded, then cancelled", tone: "quiet" };
  const tick = ticks.value[upload.jobId.value];
  if (!tick) return { percent: 0, words: "Uploaded, waits to be processed", tone: "process" };
  const left = tick.seconds_left ? `, ${roughly(tick.seconds_left)} left` : "";
  return { percent: tick.percent, words: `${stageName(tick.stage)} ${tick.percent}%${left}`, tone: "process" };
}
