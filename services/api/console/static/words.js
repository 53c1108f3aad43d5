// Codes in plain words: what happened, and what to do. The whole list is in docs/errors.md.
import { sentence } from "./format.js";

const FAILURES = {
  document_encrypted: ["The file is protected by a password.", "Upload it without one."],
  document_corrupt: ["The file is damaged, or not what its name says.", "Open and save it anew, then upload it again."],
  unsupported_type: ["This kind of file cannot be read.", "Convert it to a document type first."],
  too_large: ["The file is larger than is taken.", "Split it or scale it down."],
  too_many_pages: ["The document has more pages than are taken.", "Split it."],
  too_many_chunks: ["The document makes more passages than are taken.", "Split it, or choose larger chunks."],
  embedding_input_rejected: ["The embedding model refuses one passage.", "Choose smaller chunks for the dataset, then retry."],
  attempts_exhausted: ["Its worker died or hung on it every time.", "Look at the file, then retry."],
  parser_out_of_memory: ["Reading it took more memory than it may have.", "Split the file, or give the parser more memory."],
  parser_timeout: ["Reading it took longer than it may.", "Split the file, or give the parser more time."],
  parser_crashed: ["The parser died while reading it.", "Retry; if it dies again, report the file."],
  parser_scratch_full: ["The parser wrote more than a document may.", "Report the file if you may share it."],
  embedding_input_failed: ["The embedding service fails on one passage and works on others.", "Choose smaller chunks, then retry."],
  row_rejected: ["A passage is longer than the index takes.", "Choose smaller chunks, then retry."],
  attempt_timeout: ["It took longer than an attempt may.", "Split the file."],
  internal_error: ["Something unforeseen went wrong.", "Retry; if it stays, report the job's id."],
  cancelled: ["It was cancelled.", "Retry when it is wanted after all."],
  embedder_unavailable: ["The embedding service does not answer.", "Nothing to do: it goes on by itself."],
  embedder_rate_limited: ["The embedding service asks to wait.", "Nothing to do: it goes on by itself."],
  embedder_answer_invalid: ["The embedding service answers nonsense.", "Usually nothing: it goes on by itself."],
  embedder_quota_exhausted: ["The account at the embedding provider is empty.", "Pay; work goes on by itself."],
  embedder_misconfigured: ["Key, model or address of the embedding service is wrong.", "Mend the settings."],
  object_store_misconfigured: ["Keys or name of the bucket are wrong.", "Mend the settings."],
  vector_store_misconfigured: ["The vector store's collection does not fit the model.", "Compare both."],
  rows_missing: ["The index does not count what was written.", "Usually nothing: the next attempt mends it."],
  scratch_full: ["The worker's disk is full.", "Free some room on it."],
  dependency_unavailable: ["A service that this needs does not answer.", "Nothing to do: it goes on by itself."],
  removals_held: ["Many files vanished from the bucket at once.", "Look at the bucket; delete here if it is meant."],
};

const WARNINGS = {
  empty_file: "The file has no bytes.",
  no_text_found: "No text was found in it.",
  pages_without_text: "Some pages show something, but no text was found on them.",
  ocr_low_confidence: "Some pages could hardly be recognised; a better scan helps.",
  ocr_limit_reached: "Only the first 500 scanned pages were recognised; split the file.",
  chunks_cut: "Of some passages only the beginning was embedded; smaller chunks help.",
  invalid_lines: "Some lines are not valid JSON and were taken as text.",
};

const WAITS = {
  retry: "Another try follows by itself",
  dependency: "Waits for a service that does not answer",
  pause: "Paused",
};

const STAGES = {
  fetch: "Downloading", parse: "Reading", keep: "Keeping the text", embed: "Embedding", store: "Storing",
  verify: "Verifying", remove: "Removing",
};

const REASONS = {
  event: "The file arrived in the bucket", upload: "Its upload was completed", trigger: "Ordered by hand",
  delete: "It was deleted", audit: "An audit found a difference", sync: "A look through the bucket found it",
};

const PAGES = {
  ocr: "recognised from a picture", ocr_low_confidence: "hardly recognised", no_text: "no text found", blank: "blank",
  ocr_off: "not recognised: recognition is off", ocr_limit: "not recognised: too many pages", unreadable: "damaged",
};

const FINDINGS = {
  lost_event: "Files nobody was told of", vanished_object: "Files gone from the bucket", suspicious: "Too many gone at once: left alone",
  orphan_rows: "Rows no search shows", missing_rows: "Documents without rows", wrong_count: "Documents with too few or many rows",
};

const CAVEATS = { keywords_only: "Found by words alone", not_reranked: "Not reranked", not_all_seen: "Others may match" };

export const whatHappened = (code, message) => FAILURES[code]?.[0] ?? message ?? sentence(code ?? "unknown");
export const whatToDo = (code) => FAILURES[code]?.[1] ?? "";
export const waiting = (name) => WAITS[name] ?? sentence(name ?? "");
/** In the order of the work. */
export const STAGE_NAMES = Object.keys(STAGES);
export const reasonName = (name) => REASONS[name] ?? name;
export const stageName = (name) => STAGES[name] ?? sentence(name ?? "");
export const pageReason = (name) => PAGES[name] ?? name;
export const findingName = (name) => FINDINGS[name] ?? sentence(name);
export const caveatName = (name) => CAVEATS[name] ?? sentence(name);

const TYPES = {
  "application/pdf": "PDF",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word document",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel workbook",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint presentation",
};
export const typeName = (mediaType) => TYPES[mediaType] ?? mediaType;

/** A warning may carry a name and a code behind a colon: "attachment_not_read: a.zip (too_large)". */
export function warning(text) {
  const [code, rest] = text.split(/:(.*)/s);
  if (code === "attachment_not_read") return `An attachment was not read:${rest}`;
  if (code === "attachment_incomplete") return `An attachment was read in part:${rest}`;
  return WARNINGS[code] ?? text;
}
