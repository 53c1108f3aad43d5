// What stands around every page: where one can go, whose data it is, and how live it is.
import { call } from "../api.js";
import { liveState } from "../live.js";
import { path } from "../router.js";
import { session } from "../session.js";
import { html, useEffect, useRef, useState } from "../ui.js";
import { uploads, UNFINISHED } from "../upload/queue.js";
import { Icon, Mark } from "./icons.js";
import { ThemeToggle } from "./theme-toggle.js";

const PLACES = [
  ["/datasets", "Datasets", "datasets"],
  ["/jobs", "Jobs", "jobs"],
  ["/failures", "Failures", "failures"],
  ["/workers", "Workers and queues", "workers"],
  ["/costs", "Costs", "costs"],
  ["/audit-log", "Audit log", "log"],
  ["/settings", "Settings", "settings"],
];
const LIVE = {
  live: ["good", "Live"],
  connecting: ["quiet", "Connecting"],
  polling: ["warn", "Every 3 seconds"],
  off: ["quiet", "On request"],
};

export function Layout({ children }) {
  const [open, setOpen] = useState(false);
  const here = path.value;
  useEffect(() => setOpen(false), [here]);
  return html`<div class="frame">
    <a class="skip" href="#main" data-leave>Skip to the content</a>
    <header class="bar">
      <a class="brand" href="/datasets"><${Mark} />Sluice</a>
      <button type="button" class="icon-button bar-menu" aria-label="Menu" aria-expanded=${String(open)} aria-controls="nav" onClick=${() => setOpen(!open)}>
        <${Icon} name=${open ? "close" : "menu"} />
      </button>
    </header>
    <div class=${`side ${open ? "side-open" : ""}`} id="nav">
      <a class="brand" href="/datasets"><${Mark} />Sluice</a>
      <nav aria-label="Main">
        <ul class="places">
          ${PLACES.map(
            ([target, name, icon]) => html`<li key=${target}>
              <a href=${target} aria-current=${here.startsWith(target) ? "page" : undefined}><${Icon} name=${icon} />${name}</a>
            </li>`,
          )}
          <li><a href="/docs" data-leave><${Icon} name="docs" />API reference</a></li>
        </ul>
      </nav>
      <div class="side-foot">
        <${UploadsUnderWay} />
        <${Whoami} />
      </div>
    </div>
    <main id="main" tabindex="-1">${children}</main>
  </div>`;
}

function Whoami() {
  const { tenant, key, role } = session.value;
  const [tone, words] = LIVE[liveState.value];
  async function leave() {
    await call("DELETE", "/session").catch(() => {});
    session.value = null;
  }
  return html`<div class="whoami">
    <p class="whoami-live"><span class=${`dot dot-${tone}`}></span><span class="hidden">Updates: </span>${words}</p>
    <p class="whoami-tenant" title=${tenant.name}>${tenant.name}</p>
    <p class="muted whoami-key" title=${`${key.name} · ${key.prefix}…`}>${key.name} · ${role === "read_only" ? "read only" : role}</p>
    <div class="whoami-actions">
      <${ThemeToggle} />
      <button type="button" class="button button-small button-plain" onClick=${leave}><${Icon} name="leave" />Log out</button>
    </div>
  </div>`;
}

/** Uploads go on while one looks at other pages; this says so. */
function UploadsUnderWay() {
  const busy = uploads.value.filter((it) => UNFINISHED.has(it.state.value));
  const last = useRef(null);
  if (busy.length === 0) return null;
  last.current = busy[0].datasetId;
  return html`<a class="under-way" href=${`/datasets/${last.current}`}>
    <${Icon} name="upload" />${busy.length === 1 ? "1 upload" : `${busy.length} uploads`} under way
  </a>`;
}
