// Files above 100 MB go in parts. What is there already is asked of the bucket, so an upload that a
// reload or a cut ended goes on where it was: the same file is chosen once more, and only the parts
// that are missing are sent.
import { Problem, all, post } from "../api.js";
import { remember, remembered } from "../storage.js";
import { patiently, put } from "./put.js";

export const PARTS_FROM = 100 * 1000 * 1000; // bytes
const PARTS_AT_ONCE = 3;
const URLS_AT_ONCE = 20;

/** Resolves when all parts are there and made one; returns the answer of `complete`. */
export async function uploadInParts(datasetId, file, { onProgress, signal }) {
  const root = `/datasets/${datasetId}/uploads/multipart`;
  const begun = (await resumed(root, datasetId, file)) ?? (await begin(root, datasetId, file));
  const done = new Map(begun.there.map((part) => [part.number, part.size]));
  const moving = new Map();
  const tell = () => onProgress(sum(done.values()) + sum(moving.values()));
  const missing = [];
  for (let number = 1; number <= begun.part_count; number += 1) if (!done.has(number)) missing.push(number);
  tell();
  const urls = signedUrls(root, begun, file, missing);
  const next = missing.values();
  const others = new AbortController();
  const stopped = AbortSignal.any([signal, others.signal]);
  async function sendParts() {
    for (const number of next) {
      const part = file.blob.slice((number - 1) * begun.part_bytes, number * begun.part_bytes);
      await patiently(async () => {
        const { url, headers } = await urls(number);
        await put(url, headers, part, {
          signal: stopped,
          onProgress: (sent) => {
            moving.set(number, sent);
            tell();
          },
        });
      }, stopped);
      moving.delete(number);
      done.set(number, part.size);
      tell();
    }
  }
  // A part that failed for good fails the file: what goes up beside it would be for nothing.
  const lane = () => sendParts().catch((problem) => {
    others.abort();
    throw problem;
  });
  await Promise.all(Array.from({ length: PARTS_AT_ONCE }, lane));
  const answer = await post(`${root}/complete`, { file_name: file.name, upload_id: begun.upload_id });
  remember(slot(datasetId, file), null);
  return answer;
}

/** Gives the parts up, so that the bucket does not keep (and charge) them. */
export async function giveUp(datasetId, file) {
  const kept = JSON.parse(remembered(slot(datasetId, file)) ?? "null");
  remember(slot(datasetId, file), null);
  if (kept === null) return;
  await post(`/datasets/${datasetId}/uploads/multipart/abort`, { file_name: file.name, upload_id: kept.upload_id });
}

/** The same bytes, as far as a browser can tell before it has read them. */
function slot(datasetId, file) {
  return `upload.${datasetId}.${file.name}.${file.size}.${file.blob.lastModified}`;
}

async function begin(root, datasetId, file) {
  const begun = await post(root, {
    file_name: file.name,
    size: file.size,
    ...(file.type ? { content_type: file.type } : {}),
  });
  const { upload_id, part_bytes, part_count } = begun;
  remember(slot(datasetId, file), JSON.stringify({ upload_id, part_bytes, part_count }));
  return { ...begun, there: [] };
}

async function resumed(root, datasetId, file) {
  const kept = JSON.parse(remembered(slot(datasetId, file)) ?? "null");
  if (kept === null) return null;
  try {
    const there = await all(`${root}/parts`, { file_name: file.name, upload_id: kept.upload_id }, 10_000);
    return { ...kept, there };
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 404) throw problem;
    remember(slot(datasetId, file), null); // It was completed, given up or ran out meanwhile.
    return null;
  }
}

/** URLs are asked for in batches, shortly before they are used, because they expire. */
function signedUrls(root, begun, file, missing) {
  const known = new Map();
  return async (number) => {
    const kept = known.get(number);
    if (kept !== undefined && Date.parse((await kept).expires_at) > Date.now() + 60_000) return kept;
    const from = missing.indexOf(number);
    const numbers = missing.slice(from, from + URLS_AT_ONCE);
    const answer = post(`${root}/parts`, { file_name: file.name, upload_id: begun.upload_id, numbers });
    for (const one of numbers) {
      known.set(one, answer.then(({ parts }) => parts.find((part) => part.number === one)));
    }
    answer.catch(() => numbers.forEach((one) => known.delete(one)));
    return known.get(number);
  };
}

function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
