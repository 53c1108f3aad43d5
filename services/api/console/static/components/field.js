// A labelled control, with its hint and what is wrong with it told to screen readers.
import { html, useId } from "../ui.js";

export function Field({ label, hint, error, children }) {
  const id = useId();
  const told = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return html`<div class=${`field ${error ? "field-wrong" : ""}`}>
    <label for=${id}>${label}</label>
    ${children({ id, "aria-describedby": told || undefined, "aria-invalid": error ? "true" : undefined })}
    ${hint && html`<p class="field-hint" id=${`${id}-hint`}>${hint}</p>`}
    ${error && html`<p class="field-error" id=${`${id}-error`} role="alert">${error}</p>`}
  </div>`;
}

export function Select({ label, value, options, onChange, hint }) {
  return html`<${Field} label=${label} hint=${hint}>
    ${(given) => html`<select ...${given} class="input" value=${value} onChange=${(event) => onChange(event.target.value)}>
      ${options.map(([key, name]) => html`<option key=${key} value=${key} selected=${key === value}>${name}</option>`)}
    </select>`}
  <//>`;
}
