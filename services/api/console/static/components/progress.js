// A bar of progress, with words for those who do not see it.
import { html } from "../ui.js";

export function Progress({ percent, label, tone = "busy", thin = false }) {
  const whole = Math.max(0, Math.min(100, Math.round(percent)));
  return html`<div
    class=${`progress progress-${tone} ${thin ? "progress-thin" : ""}`}
    role="progressbar"
    aria-label=${label}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${whole}
  >
    <div class="progress-bar" style=${{ transform: `scaleX(${whole / 100})` }}></div>
  </div>`;
}
