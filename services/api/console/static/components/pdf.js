// PDF.js, loaded when the first page is looked at, and the documents that are open.
let library = null;
const open = new Map(); // by key, the most recently used last
const OPEN_MAX = 4;

function load() {
  library ??= import("../vendor/pdfjs/pdf.js").then((pdfjs) => {
    pdfjs.GlobalWorkerOptions.workerSrc = new URL("../vendor/pdfjs/worker.js", import.meta.url).href;
    return pdfjs;
  });
  return library;
}

/** The document at a URL; `key` tells documents and their versions apart: URLs are signed anew every time. */
export function openPdf(key, url) {
  const known = open.get(key);
  open.delete(key);
  const found = known ?? load().then((pdfjs) => task(pdfjs, url).promise);
  open.set(key, found);
  found.catch(() => open.delete(key));
  while (open.size > OPEN_MAX) {
    const [oldest, document] = open.entries().next().value;
    open.delete(oldest);
    document.then((pdf) => pdf.loadingTask.destroy()).catch(() => {});
  }
  return found;
}

function task(pdfjs, url) {
  const folder = (name) => new URL(`../vendor/pdfjs/${name}/`, import.meta.url).href;
  return pdfjs.getDocument({
    url,
    wasmUrl: folder("wasm"),
    standardFontDataUrl: folder("standard_fonts"),
    isEvalSupported: false, // strangers' files; and the policy forbids it anyway
    enableXfa: false,
    disableAutoFetch: true, // one page is looked at, not all of them
    disableStream: true, // without it the first request reads on to the file's end
  });
}
