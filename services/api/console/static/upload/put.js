// One PUT of bytes to a signed URL. By XMLHttpRequest, since fetch does not tell how far it is.

export class UploadFailed extends Error {
  /** `status` is 0 where no answer came: the network, or an origin that the bucket does not allow. */
  constructor(status) {
    super(status === 0 ? "The bucket could not be reached." : `The bucket answered ${status}.`);
    this.status = status;
  }
}

/** Resolves to the ETag that the bucket answered, or null if the bucket does not show it. */
export function put(url, headers, body, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) {
      // The browser sets the length itself, and forbids scripts to.
      if (!["content-length", "host"].includes(name.toLowerCase())) request.setRequestHeader(name, value);
    }
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve(request.getResponseHeader("etag"));
      else reject(new UploadFailed(request.status));
    });
    request.addEventListener("error", () => reject(new UploadFailed(0)));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    request.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
    signal.addEventListener("abort", stop);
    if (signal.aborted) reject(new DOMException("stopped", "AbortError"));
    else request.send(body);
  });
}

const TRIES = 4;

/** Tries again after what may pass: no answer, 5xx, 408, 429. */
export async function patiently(work, signal) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const passes = error instanceof UploadFailed && (error.status === 0 || error.status >= 500 || [408, 429].includes(error.status));
      if (!passes || attempt === TRIES || signal.aborted) throw error;
      await pause(500 * 2 ** attempt);
    }
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
