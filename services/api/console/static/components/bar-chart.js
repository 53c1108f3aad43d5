// Bars by day, in parts of several colours that stand on each other.
import { dayOf } from "../format.js";
import { useWidth } from "../resource.js";
import { html } from "../ui.js";
import { niceCeiling } from "./line-chart.js";

const WIDTH = 480; // until it is known
const HEIGHT = 170;
const LEFT = 52;
const TOP = 8;
const BOTTOM = 20;

/** `days`: "2026-11-25" and so on, each one; `parts`: `{name, tone, values}` by day; `show` writes a value. */
export function BarChart({ title, days, parts, show, action }) {
  const [frame, width] = useWidth(WIDTH);
  const totals = days.map((day) => parts.reduce((sum, part) => sum + (part.values.get(day) ?? 0), 0));
  const top = niceCeiling(Math.max(...totals, 0));
  const slot = (width - LEFT) / days.length;
  const height = (value) => (value / top) * (HEIGHT - TOP - BOTTOM);
  const total = totals.reduce((sum, value) => sum + value, 0);
  return html`<figure class="chart">
    <figcaption class="chart-head"><h3>${title}</h3>${action}</figcaption>
    <div ref=${frame} class="chart-frame">${total === 0
      ? html`<p class="chart-none">Nothing in this time.</p>`
      : html`<svg viewBox=${`0 0 ${width} ${HEIGHT}`} height=${HEIGHT} role="img" aria-label=${`${title}: ${show(total)} in ${days.length} days`}>
          ${[0, 0.5, 1].map((part) => html`<g key=${part}><line class="chart-grid" x1=${LEFT} x2=${width} y1=${HEIGHT - BOTTOM - height(top * part)} y2=${HEIGHT - BOTTOM - height(top * part)} /><text x=${LEFT - 6} y=${HEIGHT - BOTTOM - height(top * part) + 4} text-anchor="end">${show(top * part)}</text></g>`)}
          ${days.map((day, index) => html`<${Bar} key=${day} day=${day} x=${LEFT + index * slot + slot * 0.15} width=${slot * 0.7} parts=${parts} height=${height} show=${show} />`)}
          <text x=${LEFT} y=${HEIGHT - 4}>${shortDay(days[0])}</text>
          <text x=${width} y=${HEIGHT - 4} text-anchor="end">${shortDay(days.at(-1))}</text>
        </svg>`}</div>
    <ul class="chart-legend">${parts.map((part) => html`<li key=${part.name} class="break"><span class=${`swatch tone-${part.tone}`}></span>${part.name}</li>`)}</ul>
  </figure>`;
}

function Bar({ day, x, width, parts, height, show }) {
  let base = HEIGHT - BOTTOM;
  return html`<g>${parts.map((part) => {
    const value = part.values.get(day) ?? 0;
    const tall = height(value);
    base -= tall;
    return value > 0 && html`<rect key=${part.name} class=${`chart-bar tone-${part.tone}`} x=${x} y=${base} width=${width} height=${tall} rx="1"><title>${`${shortDay(day)}, ${part.name}: ${show(value)}`}</title></rect>`;
  })}</g>`;
}

const shortDay = (day) => dayOf(`${day}T12:00:00`).replace(/,? \d{4}$/, "");
