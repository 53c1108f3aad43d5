// How documents are cut into the passages that search finds.
import { Field, Select } from "../../components/field.js";
import { html } from "../../ui.js";

const STRATEGIES = {
  recursive: ["By paragraphs and sentences", "Counts characters. Right for most documents."],
  heading: ["By headings", "As by paragraphs, but no passage crosses a heading."],
  token: ["By tokens", "Counts tokens of the embedding model's kind."],
  semantic: ["By topics", "Cuts where the topic changes. Embeds every text twice."],
};

/** `value`: `{strategy, size, overlap, heading_prefix}`; an empty size is the strategy's default. */
export function ChunkingFields({ value, onChange }) {
  const set = (changes) => onChange({ ...value, ...changes });
  const unit = value.strategy === "token" ? "tokens" : "characters";
  return html`<div class="form-grid">
    <${Select}
      label="Strategy"
      value=${value.strategy}
      hint=${STRATEGIES[value.strategy]?.[1]}
      options=${Object.entries(STRATEGIES).map(([key, [name]]) => [key, name])}
      onChange=${(strategy) => set({ strategy, size: "", overlap: "" })}
    />
    <${NumberField} label="Size" hint=${`In ${unit}; empty for the default.`} value=${value.size} onInput=${(size) => set({ size })} />
    <${NumberField} label="Overlap" hint="What a passage repeats of the one before." value=${value.overlap} onInput=${(overlap) => set({ overlap })} />
    <label class="check">
      <input type="checkbox" checked=${value.heading_prefix} onChange=${(event) => set({ heading_prefix: event.target.checked })} />
      <span>Embed passages with the headings above them</span>
    </label>
  </div>`;
}

function NumberField({ label, hint, value, onInput }) {
  return html`<${Field} label=${label} hint=${hint}>
    ${(given) => html`<input ...${given} class="input" type="number" inputmode="numeric" min="0" value=${value} onInput=${(event) => onInput(event.target.value)} />`}
  <//>`;
}

export function chunkingBody({ strategy, size, overlap, heading_prefix }) {
  return {
    strategy,
    heading_prefix,
    ...(size === "" || size === null ? {} : { size: Number(size) }),
    ...(overlap === "" || overlap === null ? {} : { overlap: Number(overlap) }),
  };
}
