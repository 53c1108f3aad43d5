// What a view reads of the API: the last answer stays while the next is on its way, so nothing jumps.
import { get } from "./api.js";
import { order } from "./components/toasts.js";
import { useCallback, useEffect, useMemo, useRef, useState } from "./ui.js";

const NONE = { data: null, problem: null };
const ANSWER_WITHIN = 60_000; // milliseconds; or a request that hangs would hold up all that follow

/**
 * The answer of `read(signal)`, anew whenever one of `inputs` changes; `reload` reads it once more,
 * after the one that is on its way: who is told of changes faster than they are answered must see
 * some answer. `loading` is true while there is nothing to show yet.
 */
export function useResource(read, inputs) {
  const [state, setState] = useState(NONE);
  const flight = useRef(null);
  const reading = useRef(read);
  reading.current = read;
  const reload = useCallback(async () => {
    if (flight.current !== null) {
      flight.current.again = true;
      return;
    }
    const mine = { controller: new AbortController(), again: true };
    flight.current = mine;
    while (flight.current === mine && mine.again) {
      mine.again = false;
      const change = await answered(reading.current, mine.controller.signal);
      if (flight.current === mine) setState(change);
    }
    if (flight.current === mine) flight.current = null;
  }, inputs);
  useEffect(() => {
    setState(NONE);
    reload();
    return () => {
      flight.current?.controller.abort();
      flight.current = null;
    };
  }, [reload]);
  const change = useCallback((changed) => {
    setState((before) => ({ ...before, data: changed(before.data) }));
  }, []);
  return { ...state, loading: state.data === null && state.problem === null, reload, change };
}

/** What an answer makes of the state; a problem leaves what is shown. */
async function answered(read, stopped) {
  try {
    const data = await read(AbortSignal.any([stopped, AbortSignal.timeout(ANSWER_WITHIN)]));
    return { data, problem: null };
  } catch (problem) {
    return (before) => ({ data: before.data, problem });
  }
}

/** A list in pages: `items` are those of all pages read so far; `more()` reads the next one. */
export function usePages(path, query, { limit = 50 } = {}) {
  const key = JSON.stringify(query);
  const pages = useRef(1);
  const [busy, setBusy] = useState(false);
  const read = useCallback(
    async (signal) => {
      const items = [];
      let cursor = null;
      for (let page = 0; page < pages.current; page += 1) {
        const answer = await get(path, { ...query, limit, cursor }, { signal });
        items.push(...answer.items);
        cursor = answer.next_cursor;
        if (cursor === null) break;
      }
      return { items, cursor };
    },
    [path, key, limit],
  );
  useMemo(() => {
    pages.current = 1;
  }, [path, key, limit]);
  const latest = useRef(read);
  latest.current = read;
  const resource = useResource(read, [read]);
  const { data, change } = resource;
  const more = useCallback(async () => {
    setBusy(true);
    const answer = await order(() => get(path, { ...query, limit, cursor: data.cursor }));
    setBusy(false);
    if (!answer || latest.current !== read) return;
    pages.current += 1;
    change((before) => ({ items: [...before.items, ...answer.items], cursor: answer.next_cursor }));
  }, [read, data, change]);
  return { ...resource, items: data?.items ?? [], hasMore: Boolean(data?.cursor), more, busy };
}

/** Calls `work` at most once in `milliseconds`, the last call included: for events that come in crowds. */
export function useThrottled(work, milliseconds) {
  const current = useRef(work);
  const timer = useRef(null);
  const last = useRef(0);
  current.current = work;
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    if (timer.current !== null) return;
    const wait = Math.max(60, last.current + milliseconds - Date.now());
    timer.current = setTimeout(() => {
      timer.current = null;
      last.current = Date.now();
      current.current();
    }, wait);
  }, [milliseconds]);
}

/** How wide an element is, in pixels: `[ref, width]`. */
export function useWidth(first) {
  const element = useRef(null);
  const [width, setWidth] = useState(first);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

/** Calls `work` every so often while the page is seen. */
export function useInterval(work, milliseconds) {
  const current = useRef(work);
  current.current = work;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) current.current();
    }, milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
}
