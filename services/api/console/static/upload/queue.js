// Uploads under way: files wait here, four at a time go to the bucket. The queue outlives the view
// that shows it, so one may look at other pages meanwhile.
import { post } from "../api.js";
import { batch, signal } from "../ui.js";
import { PARTS_FROM, giveUp, uploadInParts } from "./multipart.js";
import { patiently, put } from "./put.js";

const AT_ONCE = 4;
const URLS_AT_ONCE = 100;
const SPEED_SECONDS = 8; // over which the speed is taken

/** Of all datasets. What changes of an entry are signals: `state`, bytes `sent`, `speed` in bytes a
 * second, `jobId`, how that job ended (`outcome`: "completed", "failed", "cancelled"), `problem`. */
export const uploads = signal([]);

let serial = 0;
let working = 0;

export const UNFINISHED = new Set(["waiting", "signing", "sending", "finishing"]);

/** Files as `folders.js` describes them. One that waits or goes up already is not taken twice. */
export function enqueue(datasetId, files) {
  const busy = new Set(
    uploads.value.filter((it) => it.datasetId === datasetId && UNFINISHED.has(it.state.value)).map((it) => it.file.name),
  );
  const fresh = files.filter((file) => !busy.has(file.name)).map((file) => entry(datasetId, file));
  const again = new Set(fresh.map((it) => it.file.name));
  uploads.value = [
    ...uploads.value.filter((it) => it.datasetId !== datasetId || !again.has(it.file.name)),
    ...fresh,
  ];
  pump();
}

export function stop(upload) {
  upload.state.value = "stopped";
  upload.controller.abort();
  if (upload.file.size >= PARTS_FROM) giveUp(upload.datasetId, upload.file).catch(() => {});
}

export function again(upload) {
  upload.controller = new AbortController();
  batch(() => {
    upload.state.value = "waiting";
    upload.problem.value = null;
    upload.outcome.value = null;
    upload.sent.value = 0;
  });
  pump();
}

/** Takes what is finished off the list. */
export function tidy(datasetId) {
  uploads.value = uploads.value.filter((it) => it.datasetId !== datasetId || UNFINISHED.has(it.state.value));
}

/** What the live line tells of jobs, told on to the uploads that made them. */
export function heardOfJob({ kind, job_id: jobId }) {
  const outcome = ended(kind.replace("job.", ""));
  if (!kind.startsWith("job.") || (outcome === null && kind !== "job.queued")) return;
  const upload = uploads.value.find((it) => it.jobId.value === jobId);
  if (upload) upload.outcome.value = outcome;
}

/** What a list of documents tells, for what happened while nobody listened. */
export function seenDocuments(items) {
  const states = new Map(items.map((it) => [it.task_id, it.status]));
  for (const upload of uploads.value) {
    const state = states.get(upload.jobId.value);
    if (upload.jobId.value !== null && state !== undefined) upload.outcome.value = ended(state);
  }
}

const ended = (status) => (["completed", "failed", "cancelled"].includes(status) ? status : null);

function entry(datasetId, file) {
  return {
    id: ++serial,
    datasetId,
    file,
    controller: new AbortController(),
    state: signal("waiting"),
    sent: signal(0),
    speed: signal(null),
    jobId: signal(null),
    outcome: signal(null),
    problem: signal(null),
    signed: null,
    marks: [],
  };
}

function pump() {
  while (working < AT_ONCE) {
    const next = uploads.value.find((it) => it.state.value === "waiting");
    if (next === undefined) return;
    next.state.value = "signing";
    working += 1;
    run(next).finally(() => {
      working -= 1;
      pump();
    });
  }
}

async function run(upload) {
  const { file, datasetId } = upload;
  try {
    const answer = await (file.size >= PARTS_FROM ? inParts(upload) : whole(upload));
    if (upload.state.value === "stopped") return;
    if (answer.missing.length > 0) throw new Error("The bucket does not have the file.");
    batch(() => {
      upload.sent.value = file.size;
      // Without a job there is nothing to do: this version of the file is indexed already.
      upload.jobId.value = answer.jobs[0]?.task_id ?? null;
      upload.outcome.value = ended(answer.jobs[0]?.status ?? "completed");
      upload.state.value = "uploaded";
    });
    dispatchEvent(new CustomEvent("sluice:uploaded", { detail: { datasetId } }));
  } catch (problem) {
    if (upload.state.value === "stopped") return;
    batch(() => {
      upload.problem.value = problem.errors?.[0]?.message ?? problem.message;
      upload.state.value = "failed";
    });
  }
}

function inParts(upload) {
  upload.state.value = "sending";
  const { signal: stopped } = upload.controller;
  return uploadInParts(upload.datasetId, upload.file, { signal: stopped, onProgress: (sent) => moved(upload, sent) });
}

async function whole(upload) {
  const { file, datasetId, controller } = upload;
  await patiently(async () => {
    const { upload_url: url, headers } = await signedUrl(upload);
    upload.state.value = "sending";
    await put(url, headers, file.blob, { signal: controller.signal, onProgress: (sent) => moved(upload, sent) });
  }, controller.signal);
  upload.state.value = "finishing";
  return post(`/datasets/${datasetId}/uploads/complete`, { files: [{ file_name: file.name }] });
}

/** Signed in batches: a folder of a thousand files needs ten requests, not a thousand. */
async function signedUrl(upload) {
  const kept = upload.signed === null ? null : await upload.signed.catch(() => null);
  if (kept !== null && Date.parse(kept.expires_at) > Date.now() + 60_000) return kept;
  const company = uploads.value
    .filter((it) => it !== upload && it.datasetId === upload.datasetId && it.signed === null)
    .filter((it) => it.state.value === "waiting" && it.file.size < PARTS_FROM)
    .slice(0, URLS_AT_ONCE - 1);
  try {
    return await sign(upload.datasetId, [upload, ...company]);
  } catch (problem) {
    if (company.length === 0) throw problem;
    company.forEach((it) => (it.signed = null)); // One of them may be what was refused.
    return sign(upload.datasetId, [upload]);
  }
}

function sign(datasetId, batchOf) {
  const answer = post(`/datasets/${datasetId}/uploads`, {
    files: batchOf.map(({ file }) => ({ file_name: file.name, size: file.size, ...(file.type ? { content_type: file.type } : {}) })),
  });
  batchOf.forEach((it, index) => {
    it.signed = answer.then(({ upload_urls: urls }) => urls[index]);
    it.signed.catch(() => {});
  });
  return batchOf[0].signed;
}

function moved(upload, sent) {
  const now = performance.now() / 1000;
  upload.marks = [...upload.marks.filter((mark) => mark.at > now - SPEED_SECONDS), { at: now, sent }];
  const first = upload.marks[0];
  batch(() => {
    upload.sent.value = sent;
    if (now - first.at > 1) upload.speed.value = (sent - first.sent) / (now - first.at);
  });
}

// A reload would end what is under way.
addEventListener("beforeunload", (event) => {
  if (uploads.value.some((it) => UNFINISHED.has(it.state.value))) event.preventDefault();
});
