// Text in which some places are marked. Places count characters as Python does, which takes a pair
// of surrogates for one.
import { html } from "../ui.js";

export function Marked({ text, places }) {
  const characters = Array.from(text);
  const parts = [];
  let at = 0;
  for (const { start, end } of [...places].sort((a, b) => a.start - b.start)) {
    if (start < at) continue;
    parts.push(characters.slice(at, start).join(""));
    parts.push(html`<mark key=${start}>${characters.slice(start, end).join("")}</mark>`);
    at = end;
  }
  parts.push(characters.slice(at).join(""));
  return html`<span class="marked">${parts}</span>`;
}
