// Lines over time, drawn as SVG. The same figures stand in a table below, for those who do not see
// the drawing and for those who want to know exactly.
import { count, exact, timeOf, dayOf } from "../format.js";
import { useWidth } from "../resource.js";
import { html } from "../ui.js";

const WIDTH = 480; // until it is known
const HEIGHT = 170;
const LEFT = 48;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 20;
const TABLE_ROWS_MAX = 60;

/** `points`: one or more, oldest first, each with `at`. `lines`: `{name, of(point), tone, bridged}`; null makes
 * a gap, or where the line is `bridged` the line goes on to the next that is known.
 * `show` writes a value, `scale` one of the axis, up to the `ceiling` of the highest. */
export function LineChart({ title, points, lines, show = count, scale = show, ceiling = niceCeiling, filled = false }) {
  const [frame, width] = useWidth(WIDTH);
  const highest = Math.max(...points.flatMap((point) => lines.map((line) => line.of(point) ?? 0)), 0);
  const top = ceiling(highest);
  const from = Date.parse(points[0].at);
  const to = Date.parse(points.at(-1).at);
  const x = (at) => LEFT + ((Date.parse(at) - from) / Math.max(1, to - from)) * (width - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const latest = points.at(-1);
  return html`<figure class="chart">
    <figcaption class="chart-head">
      <h3>${title}</h3>
      <ul class="chart-legend">
        ${lines.map((line) => html`<li key=${line.name}><span class=${`swatch tone-${line.tone}`}></span>${line.name} <strong>${show(line.of(latest))}</strong></li>`)}
      </ul>
    </figcaption>
    <div ref=${frame} class="chart-frame">
      <svg viewBox=${`0 0 ${width} ${HEIGHT}`} height=${HEIGHT} role="img" aria-label=${`${title}: ${lines.map((line) => `${line.name} ${show(line.of(latest))} now`).join(", ")}`}>
          ${[0, 0.5, 1].map((part) => html`<${Grid} key=${part} y=${y(top * part)} label=${scale(top * part)} width=${width} />`)}
          ${[0, 0.5, 1].map((part) => html`<text key=${part} x=${LEFT + part * (width - LEFT - RIGHT)} y=${HEIGHT - 4} text-anchor=${["start", "middle", "end"][part * 2]}>${label(from + part * (to - from), to - from)}</text>`)}
          ${lines.map((line) => html`<${Line} key=${line.name} line=${line} points=${points} x=${x} y=${y} filled=${filled} />`)}
      </svg>
    </div>
    <${Figures} title=${title} points=${points} lines=${lines} show=${show} />
  </figure>`;
}

function Grid({ y, label: words, width }) {
  return html`<g><line class="chart-grid" x1=${LEFT} x2=${width - RIGHT} y1=${y} y2=${y} /><text x=${LEFT - 6} y=${y + 4} text-anchor="end">${words}</text></g>`;
}

function Line({ line, points, x, y, filled }) {
  let path = "";
  let open = false;
  const drawn = [];
  for (const point of points) {
    const value = line.of(point);
    if (value === null || value === undefined) open &&= line.bridged;
    else {
      // Of no length, so that a point that stands alone is seen.
      path += `${open ? "L" : "M"}${x(point.at).toFixed(1)} ${y(value).toFixed(1)}${open ? "" : "h0"}`;
      open = true;
      drawn.push(point.at);
    }
  }
  const area = filled && path && !path.slice(1).includes("M");
  return html`<g>
    ${area && html`<path class=${`chart-area tone-${line.tone}`} d=${`${path}L${x(drawn.at(-1))} ${y(0)}L${x(drawn[0])} ${y(0)}Z`} />`}
    <path class=${`chart-line tone-${line.tone}`} fill="none" d=${path} />
  </g>`;
}

function Figures({ title, points, lines, show }) {
  const step = Math.ceil(points.length / TABLE_ROWS_MAX);
  const rows = points.filter((_, index) => (points.length - 1 - index) % step === 0).reverse();
  return html`<details class="fold">
    <summary>Figures</summary>
    <div class="chart-table" tabindex="0" role="group" aria-label=${title}>
      <table>
        <thead><tr><th scope="col">Time</th>${lines.map((line) => html`<th scope="col" key=${line.name}>${line.name}</th>`)}</tr></thead>
        <tbody>${rows.map((point) => html`<tr key=${point.at}><td>${exact(point.at)}</td>${lines.map((line) => html`<td key=${line.name}>${show(line.of(point))}</td>`)}</tr>`)}</tbody>
      </table>
    </div>
  </details>`;
}

const label = (time, span) => (span > 2 * 86_400_000 ? dayOf(time).replace(/ \d{4}$/, "") : timeOf(time));

/** The next of 1, 2, 5, 10, 20 and so on, so that the scale has round numbers. */
export function niceCeiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

const TIMES = [60, 120, 240, 600, 1200, 3600, 7200, 14_400, 28_800, 57_600];

/** As above, for seconds that are read as minutes, hours or days. */
export function niceSeconds(value) {
  return value <= 30 ? niceCeiling(value) : (TIMES.find((step) => step >= value) ?? niceCeiling(value / 86_400) * 86_400);
}
