// What a page says when there is nothing, something is on its way, or something went wrong.
import { Icon } from "./icons.js";
import { html } from "../ui.js";

export function Empty({ icon, title, children, action }) {
  return html`<div class="empty">
    <span class="empty-icon"><${Icon} name=${icon} /></span>
    <h2>${title}</h2>
    <p>${children}</p>
    ${action}
  </div>`;
}

/** As high as what will stand there, so that nothing moves when it comes. */
export function Skeleton({ rows = 6 }) {
  return html`<div class="skeleton" role="status" aria-label="Loading">
    ${Array.from({ length: rows }, (_, index) => html`<div class="skeleton-row" key=${index}></div>`)}
  </div>`;
}

export function ProblemNote({ problem, retry }) {
  if (!problem) return null;
  return html`<div class="note note-bad" role="alert">
    <div>
      <strong>${problem.title || "That did not work"}</strong>
      <p>${problem.detail ?? problem.message}</p>
      ${problem.requestId && problem.status >= 500 && html`<p class="muted">Request <code>${problem.requestId}</code></p>`}
    </div>
    ${retry && html`<button type="button" class="button button-small" onClick=${retry}>Try again</button>`}
  </div>`;
}

export function Note({ tone = "info", children }) {
  return html`<div class=${`note note-${tone}`}><div>${children}</div></div>`;
}
