// Dialogs: the browser's own, which keep the focus inside and close by Escape.
import { Icon } from "./icons.js";
import { html, useEffect, useId, useRef, useState } from "../ui.js";

export function Dialog({ title, onClose, children, wide = false }) {
  const element = useRef(null);
  const heading = useId();
  useEffect(() => {
    element.current.showModal();
  }, []);
  return html`<dialog
    ref=${element}
    class=${`dialog ${wide ? "dialog-wide" : ""}`}
    aria-labelledby=${heading}
    onClose=${onClose}
    onClick=${(event) => event.target === element.current && element.current.close()}
  >
    <div class="dialog-body">
      <header class="dialog-head">
        <h2 id=${heading}>${title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick=${() => element.current.close()}><${Icon} name="close" /></button>
      </header>
      ${children}
    </div>
  </dialog>`;
}

/** Asks before something that cannot be taken back. `confirm` may take a while; it says by true that it was done. */
export function Confirm({ title, children, label, tone = "bad", confirm, onClose }) {
  const [busy, setBusy] = useState(false);
  async function act() {
    setBusy(true);
    const done = await confirm();
    setBusy(false);
    if (done !== undefined) onClose();
  }
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <div class="dialog-text">${children}</div>
    <footer class="dialog-foot">
      <button type="button" class="button" onClick=${onClose}>Keep as it is</button>
      <button type="button" class=${`button button-${tone}`} disabled=${busy} onClick=${act}>${label}</button>
    </footer>
  <//>`;
}
