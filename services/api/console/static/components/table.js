// Tables that become cards on narrow screens: every cell carries the name of its column.
import { html } from "../ui.js";

/** `columns`: `{name, cell(item), kind: "number"|"main"|"wide"|"state"|"actions", hideName}`. */
export function Table({ label, columns, items, keyOf, rowClass }) {
  return html`<div class="table-frame">
    <table class="table">
      <caption class="hidden">${label}</caption>
      <thead>
        <tr>
          ${columns.map(
            (column) => html`<th scope="col" key=${column.name} class=${kind(column)}>
              ${column.kind === "actions" ? html`<span class="hidden">${column.name}</span>` : column.name}
            </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${items.map(
          (item) => html`<tr key=${keyOf(item)} class=${rowClass?.(item) ?? ""}>
            ${columns.map((column) => html`<td key=${column.name} data-label=${column.name} class=${kind(column)}>${column.cell(item)}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const kind = (column) => (column.kind ? `cell-${column.kind}` : "");

export function More({ list }) {
  if (!list.hasMore) return null;
  return html`<div class="more">
    <button type="button" class="button" disabled=${list.busy} onClick=${list.more}>${list.busy ? "Loading" : "Show more"}</button>
  </div>`;
}
