// A page of a PDF with one passage marked on it.
import { html, useEffect, useRef, useState } from "../ui.js";
import { Icon } from "./icons.js";
import { openPdf } from "./pdf.js";

const SHARPNESS_MAX = 2; // device pixels; more costs memory and shows nothing

/** `box` is in points from the page's top left corner; null where only the page is known. */
export function PdfPage({ fileKey, url, page, box, name }) {
  const frame = useRef(null);
  const canvas = useRef(null);
  const [shown, setShown] = useState(page);
  const [state, setState] = useState({ status: "loading" });
  useEffect(() => setShown(page), [fileKey, page, box]);
  useEffect(() => {
    let ended = false;
    let drawing = null;
    setState((before) => ({ ...before, status: "loading" }));
    async function draw() {
      const pdf = await openPdf(fileKey, url);
      const sheet = await pdf.getPage(Math.min(shown, pdf.numPages));
      if (ended) return;
      const width = frame.current.clientWidth;
      const scale = width / sheet.getViewport({ scale: 1 }).width;
      const sharpness = Math.min(devicePixelRatio || 1, SHARPNESS_MAX);
      const viewport = sheet.getViewport({ scale: scale * sharpness });
      // Drawn out of sight: the page before stays until this one is whole.
      const fresh = document.createElement("canvas");
      Object.assign(fresh, { width: Math.floor(viewport.width), height: Math.floor(viewport.height) });
      drawing = sheet.render({ canvas: fresh, canvasContext: fresh.getContext("2d"), viewport });
      await drawing.promise;
      if (ended) return;
      Object.assign(canvas.current, { width: fresh.width, height: fresh.height });
      canvas.current.getContext("2d").drawImage(fresh, 0, 0);
      const points = sheet.getViewport({ scale: 1 });
      setState({ status: "shown", pages: pdf.numPages, width: points.width, height: points.height });
    }
    draw().catch((error) => !ended && error.name !== "RenderingCancelledException" && setState({ status: "failed" }));
    return () => {
      ended = true;
      drawing?.cancel();
    };
  }, [fileKey, shown]);

  const mark = useRef(null);
  const marked = state.status === "shown" && box && shown === page;
  useEffect(() => {
    if (marked) reveal(frame.current, mark.current);
  }, [marked, box]);

  if (state.status === "failed") {
    return html`<div class="pdf pdf-failed"><p>The page cannot be shown. The file may have been replaced or deleted, or the bucket does not allow this address (CORS).</p></div>`;
  }
  return html`<figure class="pdf" aria-label=${`Page ${shown} of ${name}`}>
    <div class="pdf-bar">
      <button type="button" class="icon-button" aria-label="Page before" disabled=${shown <= 1} onClick=${() => setShown(shown - 1)}><${Icon} name="left" /></button>
      <span aria-live="polite">Page ${shown}${state.pages ? ` of ${state.pages}` : ""}</span>
      <button type="button" class="icon-button" aria-label="Page after" disabled=${!state.pages || shown >= state.pages} onClick=${() => setShown(shown + 1)}><${Icon} name="right" /></button>
    </div>
    <div class="pdf-scroll" ref=${frame} tabindex="0" role="group" aria-label="The page">
      <div class="pdf-sheet" style=${{ aspectRatio: state.width ? `${state.width} / ${state.height}` : "1 / 1.414" }}>
        <canvas ref=${canvas} class="pdf-canvas"></canvas>
        ${marked && html`<div ref=${mark} class="pdf-mark" style=${place(box, state)}></div>`}
        ${state.status === "loading" && html`<div class="pdf-loading" role="status" aria-label="Loading the page"></div>`}
      </div>
    </div>
  </figure>`;
}

function place(box, { width, height }) {
  const margin = 2; // points: letters reach over their line
  return {
    left: `${((box.left - margin) / width) * 100}%`,
    top: `${((box.top - margin) / height) * 100}%`,
    width: `${((box.right - box.left + 2 * margin) / width) * 100}%`,
    height: `${((box.bottom - box.top + 2 * margin) / height) * 100}%`,
  };
}

/** Scrolls the frame alone, not the window. */
function reveal(frame, mark) {
  const room = Math.max(24, (frame.clientHeight - mark.offsetHeight) / 3);
  frame.scrollTop = mark.offsetTop - room;
}
