// A time as "3 min ago" that goes on counting; the exact one is its title.
import { NOTHING, ago, exact } from "../format.js";
import { html, signal } from "../ui.js";

const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 10_000);

export function Time({ at }) {
  if (!at) return html`<span class="muted">${NOTHING}</span>`;
  return html`<time datetime=${at} title=${exact(at)}>${ago(at, Math.max(now.value, Date.parse(at)))}</time>`;
}
