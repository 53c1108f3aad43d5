// What each dataset or document has taken in the last year. The api adds up the 200 that took most
// tokens; of the others nothing is known here, which is not the same as nothing spent.
import { get } from "../../api.js";
import { useResource } from "../../resource.js";
import { html } from "../../ui.js";

export const GROUPS_MAX = 200;
const NOTHING_SPENT = { tokens: 0, cost: "0" };
const YEAR = 365 * 86_400_000;

/** `on(id)` is `{tokens, cost}`, undefined where it is not known; `more` says that there are such. */
export function useSpent(kind, filter = {}) {
  const first_day = new Date(Date.now() - YEAR).toISOString().slice(0, 10);
  const usage = useResource(
    (signal) => get("/usage", { ...filter, group_by: kind, first_day, limit: GROUPS_MAX }, { signal }),
    [kind, JSON.stringify(filter)],
  );
  const groups = new Map(usage.data?.groups.map((group) => [group[`${kind}_id`], spentOf(group)]));
  const otherwise = usage.data && !usage.data.more ? NOTHING_SPENT : undefined;
  return { on: (id) => groups.get(id) ?? otherwise, more: usage.data?.more ?? false, reload: usage.reload };
}

/** Of a model without a price the cost is not known. */
function spentOf({ tokens, tokens_unpriced, cost }) {
  return { tokens, cost: tokens_unpriced > 0 && Number(cost) === 0 ? null : cost };
}

export function SpentNote({ spent }) {
  return spent.more && html`<p class="list-note muted">Tokens and costs are shown for the ${GROUPS_MAX} that took most in the last year. The sums include all.</p>`;
}
