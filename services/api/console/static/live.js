// What happens, as it happens: a WebSocket that goes on where it was cut, and questions in turn
// while there is none.
import { address, get } from "./api.js";
import { signal, useEffect, useRef } from "./ui.js";

const WAIT_FIRST = 500; // milliseconds
const WAIT_MOST = 15_000;
const SILENCE_MOST = 40_000; // the server pings every 15 s
const POLL_EVERY = 3_000;
const OURS_TO_END = new Set([4401, 4404]);
const CURSOR_USELESS = new Set([4400, 4410]); // the events behind it are not kept any more

/** "connecting", "live", "polling", or "off" while no page wants it. */
export const liveState = signal("off");

/** The latest tick of each job at work: `{stage, percent, chunks_done, tokens, seconds_left}`. */
export const ticks = signal({});

/** Events of a dataset, of all for null, of none yet for undefined, while the calling view is shown. `heard` gets each. */
export function useLive(datasetId, heard) {
  const current = useRef(heard);
  current.current = heard;
  useEffect(() => {
    if (datasetId === undefined) return undefined;
    const line = new Line(datasetId, (event) => current.current(event));
    return () => line.close();
  }, [datasetId]);
}

/** For parts of such a view: hear what it is told. `listeners` is a Set that the view calls. */
export function useHeard(listeners, heard) {
  const current = useRef(heard);
  current.current = heard;
  useEffect(() => {
    const tell = (event) => current.current(event);
    listeners.add(tell);
    return () => listeners.delete(tell);
  }, [listeners]);
}

class Line {
  #datasetId;
  #heard;
  #cursor = null;
  #socket = null;
  #wait = WAIT_FIRST;
  #timers = {};
  #closed = false;

  constructor(datasetId, heard) {
    this.#datasetId = datasetId;
    this.#heard = heard;
    this.#open();
  }

  close() {
    this.#closed = true;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#socket?.close();
    liveState.value = "off";
    ticks.value = {};
  }

  get #path() {
    return this.#datasetId === null ? "/events" : `/datasets/${this.#datasetId}/events`;
  }

  #open() {
    if (liveState.value === "off") liveState.value = "connecting";
    const url = new URL(address(this.#path, { cursor: this.#cursor }), location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.addEventListener("message", (message) => this.#take(JSON.parse(message.data)));
    socket.addEventListener("close", (event) => {
      if (!this.#closed && socket === this.#socket) this.#cut(event.code);
    });
    this.#watch();
  }

  #take(frame) {
    this.#watch();
    if (frame.type === "ready") {
      this.#cursor = frame.cursor;
      this.#wait = WAIT_FIRST;
      clearTimeout(this.#timers.poll);
      this.#timers.poll = undefined;
      liveState.value = "live";
      // Something may have changed between the page's first answer and this.
      this.#heard({ kind: "live.ready", data: {} });
    } else if (frame.type === "event") {
      this.#told(frame);
    } else if (frame.type === "ping") {
      this.#cursor = frame.cursor ?? this.#cursor;
    } else if (frame.type === "progress") {
      ticks.value = { ...ticks.value, [frame.job_id]: frame };
    }
  }

  #told(event) {
    this.#cursor = event.cursor;
    if (event.job_id in ticks.value && /^job\.(completed|failed|cancelled)/.test(event.kind)) {
      const { [event.job_id]: _, ...others } = ticks.value;
      ticks.value = others;
    }
    this.#heard(event);
  }

  /** A socket that says nothing for long is dead, whatever it believes itself. */
  #watch() {
    clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => {
      this.#socket.close();
      this.#cut(1006);
    }, SILENCE_MOST);
  }

  #cut(code) {
    clearTimeout(this.#timers.silence);
    this.#socket = null;
    if (OURS_TO_END.has(code)) return this.close();
    if (CURSOR_USELESS.has(code)) this.#cursor = null;
    liveState.value = "polling";
    this.#timers.open = setTimeout(() => this.#open(), this.#wait * (0.75 + Math.random() / 2));
    this.#wait = Math.min(this.#wait * 2, WAIT_MOST);
    this.#timers.poll ??= setTimeout(() => this.#poll(), POLL_EVERY);
  }

  async #poll() {
    try {
      if (this.#datasetId === null || this.#cursor === null) {
        this.#heard({ kind: "live.poll", data: {} });
      } else {
        const page = await get(this.#path, { cursor: this.#cursor });
        page.items.forEach((event) => this.#told(event));
      }
    } catch {
      // The next turn asks again.
    }
    if (!this.#closed && liveState.value === "polling") {
      this.#timers.poll = setTimeout(() => this.#poll(), POLL_EVERY);
    }
  }
}
