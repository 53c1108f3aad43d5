// The REST API by the session's cookie. Every refusal becomes a Problem.
import { session } from "./session.js";

const ROOT = "/api/v1";
const CHANGES = new Set(["POST", "PUT", "PATCH", "DELETE"]);
const OFFLINE = "The server cannot be reached. Check the connection; this page tries again by itself.";

/** An answer that is not a success, as RFC 9457 words it. `status` is 0 if there was no answer. */
export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", title = "", detail = OFFLINE, errors = null, request_id = null }) {
    super(detail || title);
    Object.assign(this, { status, code, title, detail: detail || title, errors: errors ?? [], requestId: request_id });
  }
}

/** The answer's JSON, null where it has no body. `query` leaves out what is null, "" or undefined. */
export async function call(method, path, { query, body, signal, quiet = false } = {}) {
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (CHANGES.has(method) && session.value) headers["x-csrf-token"] = session.value.csrf_token;
  let response;
  try {
    response = await fetch(address(path, query), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({});
  }
  if (response.ok) return response.status === 204 ? null : parsed(response);
  const problem = await problemOf(response);
  if (problem.status === 401 && !quiet) session.value = null;
  throw problem;
}

export const get = (path, query, options = {}) => call("GET", path, { query, ...options });
export const post = (path, body, options = {}) => call("POST", path, { body, ...options });
export const patch = (path, body) => call("PATCH", path, { body });
export const remove = (path) => call("DELETE", path);

/** Every item of a list, page by page, up to `most`. */
export async function all(path, query = {}, most = 1000) {
  const items = [];
  let cursor = null;
  do {
    const page = await get(path, { ...query, limit: 200, cursor });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null && items.length < most);
  return items;
}

export function address(path, query = {}) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") given.append(name, String(one));
    }
  }
  const text = given.toString();
  return ROOT + path + (text ? `?${text}` : "");
}

async function parsed(response) {
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

async function problemOf(response) {
  try {
    return new Problem({ ...(await response.json()), status: response.status });
  } catch {
    const detail = `The server answered ${response.status} and said no more.`;
    return new Problem({ status: response.status, code: "unknown", detail });
  }
}
