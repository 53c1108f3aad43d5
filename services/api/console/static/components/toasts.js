// Short words about what was just done; read aloud, and gone after a while.
import { Icon } from "./icons.js";
import { html, signal } from "../ui.js";

const SHOWN = 6_000;
const shown = signal([]);
let serial = 0;

export function toast(text, tone = "good") {
  const id = ++serial;
  shown.value = [...shown.value.slice(-3), { id, text, tone }];
  setTimeout(() => away(id), SHOWN);
}

/** Runs an order and says how it ended. Returns undefined where it was refused. */
export async function order(work, done) {
  try {
    const answer = await work();
    if (done) toast(typeof done === "function" ? done(answer) : done);
    return answer ?? null;
  } catch (problem) {
    toast(problem.detail ?? problem.message, "bad");
    return undefined;
  }
}

const away = (id) => {
  shown.value = shown.value.filter((it) => it.id !== id);
};

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.value.map(
      (it) => html`<div key=${it.id} class=${`toast toast-${it.tone}`}>
        <span>${it.text}</span>
        <button type="button" class="icon-button" aria-label="Dismiss" onClick=${() => away(it.id)}><${Icon} name="close" /></button>
      </div>`,
    )}
  </div>`;
}
