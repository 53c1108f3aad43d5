// An address that leads nowhere.
import { Empty } from "../components/feedback.js";
import { PageHead } from "../components/page.js";
import { html } from "../ui.js";

export function NotFoundPage({ what = "page" }) {
  return html`<${PageHead} title="Nothing here" />
    <${Empty} icon="search" title=${`There is no such ${what}`} action=${html`<a class="button button-main" href="/datasets">To the datasets</a>`}>
      It may have been deleted, or the address is mistyped.
    <//>`;
}
