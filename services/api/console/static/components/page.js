// The head of a page: where one is, what it is, what can be done.
import { html, useEffect } from "../ui.js";

export function PageHead({ title, trail, children, about }) {
  useEffect(() => {
    document.title = `${title} · Sluice`;
  }, [title]);
  return html`<header class="page-head">
    <div class="page-title">
      ${trail && html`<nav class="trail" aria-label="You are here">${trail}</nav>`}
      <h1>${title}</h1>
      ${about && html`<p class="muted">${about}</p>`}
    </div>
    ${children && html`<div class="page-actions">${children}</div>`}
  </header>`;
}

/** Figures side by side. `items`: `[name, value, hint]`. */
export function Figures({ items }) {
  return html`<dl class="figures">
    ${items.map(
      ([name, value, hint]) => html`<div class="figure" key=${name}>
        <dt>${name}</dt>
        <dd>${value}</dd>
        ${hint && html`<dd class="figure-hint">${hint}</dd>`}
      </div>`,
    )}
  </dl>`;
}

/** Names and values below each other. */
export function Facts({ items }) {
  return html`<dl class="facts">
    ${items
      .filter((item) => item && item[1] !== null && item[1] !== undefined && item[1] !== "")
      .map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}
