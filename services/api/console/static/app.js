// Begins here: asks who is logged in, and shows the page that the address means.
import { call } from "./api.js";
import { Layout } from "./components/layout.js";
import { Toasts } from "./components/toasts.js";
import { AuditLogPage } from "./pages/audit-log.js";
import { CostsPage } from "./pages/costs.js";
import { DatasetPage } from "./pages/dataset.js";
import { DatasetsPage } from "./pages/datasets.js";
import { FailuresPage } from "./pages/failures.js";
import { JobPage } from "./pages/job.js";
import { JobsPage } from "./pages/jobs.js";
import { LoginPage } from "./pages/login.js";
import { NotFoundPage } from "./pages/not-found.js";
import { SettingsPage } from "./pages/settings.js";
import { WorkersPage } from "./pages/workers.js";
import { listen, listenForSlash, match, navigate, path, query } from "./router.js";
import { session } from "./session.js";
import { html, render, useEffect } from "./ui.js";

const PAGES = [
  ["/datasets", DatasetsPage],
  ["/datasets/{id}", DatasetPage],
  ["/jobs", JobsPage],
  ["/jobs/{id}", JobPage],
  ["/failures", FailuresPage],
  ["/workers", WorkersPage],
  ["/costs", CostsPage],
  ["/audit-log", AuditLogPage],
  ["/settings", SettingsPage],
];
const HOME = "/datasets";

function App() {
  const here = path.value;
  const who = session.value;
  const away = redirection(here, who);
  useEffect(() => {
    if (away) navigate(away, { replace: true });
  }, [away]);
  if (who === undefined || away) return html`<div class="boot" role="status" aria-label="Loading"></div>`;
  if (here === "/login") return html`<${LoginPage} /><${Toasts} />`;
  return html`<${Layout}><${Page} here=${here} /><//><${Toasts} />`;
}

function Page({ here }) {
  for (const [pattern, View] of PAGES) {
    const parts = match(pattern, here);
    if (parts !== null) return html`<${View} key=${here} ...${parts} />`;
  }
  return html`<${NotFoundPage} />`;
}

function redirection(here, who) {
  if (who === undefined) return null;
  if (who === null && here !== "/login") {
    const wanted = here === "/" || here === HOME ? "" : `?next=${encodeURIComponent(here + location.search)}`;
    return `/login${wanted}`;
  }
  if (who !== null && here === "/login") return next();
  return here === "/" ? HOME : null;
}

/** Only a path of ours: an address in a link must not lead elsewhere after the login. */
function next() {
  const wanted = query.value.get("next") ?? HOME;
  return /^\/(?![/\\])/.test(wanted) && !wanted.startsWith("/login") ? wanted : HOME;
}

async function begin() {
  try {
    session.value = await call("GET", "/session", { quiet: true });
  } catch {
    session.value = null;
  }
}

listen();
listenForSlash();
render(html`<${App} />`, document.getElementById("app"));
begin();
