// Numbers, sizes, times and money as people read them.
const number = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });
const moment = new Intl.DateTimeFormat("en", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});
const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hour12: false });
const UNITS = ["B", "kB", "MB", "GB", "TB"];

export const NOTHING = "–";

export const count = (value) => (value === null || value === undefined ? NOTHING : number.format(value));
export const short = (value) => (value === null || value === undefined ? NOTHING : value < 10_000 ? number.format(value) : compact.format(value));

export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function bytes(value) {
  if (value === null || value === undefined) return NOTHING;
  let unit = 0;
  let left = value;
  while (left >= 1000 && unit < UNITS.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${UNITS[unit]}`;
}

/** From US dollars as text. */
export function money(text) {
  if (text === null || text === undefined) return NOTHING;
  const value = Number(text);
  if (value === 0) return "$0.00";
  if (value < 0.0001) return "<$0.0001";
  return `$${value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: value < 1 ? 4 : 2 })}`;
}

export function seconds(value) {
  if (value === null || value === undefined) return NOTHING;
  if (value < 0.001) return "0 s";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.round(value)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  if (value < 86_400) return `${Math.floor(value / 3600)} h ${Math.round((value % 3600) / 60)} min`;
  return `${Math.floor(value / 86_400)} d ${Math.round((value % 86_400) / 3600)} h`;
}

/** For scales, where there is little room. */
export function shortSeconds(value) {
  if (value < 120) return `${Number(value.toPrecision(3))} s`;
  if (value < 7200) return `${Number((value / 60).toPrecision(2))} min`;
  return `${Number((value / 3600).toPrecision(2))} h`;
}

/** About how long: for what is an estimate anyway. */
export function roughly(value) {
  if (value === null || value === undefined) return "";
  if (value < 5) return "a few seconds";
  if (value < 55) return `${Math.ceil(value / 5) * 5} seconds`;
  if (value < 90) return "a minute";
  if (value < 3300) return `${Math.round(value / 60)} minutes`;
  if (value < 86_400) return plural(Math.round(value / 3600), "hour");
  return plural(Math.round(value / 86_400), "day");
}

export function ago(iso, now = Date.now()) {
  const past = (now - Date.parse(iso)) / 1000;
  if (past < 5) return "just now";
  if (past < 60) return `${Math.floor(past)} s ago`;
  if (past < 3600) return `${Math.floor(past / 60)} min ago`;
  if (past < 86_400) return `${Math.floor(past / 3600)} h ago`;
  if (past < 7 * 86_400) return `${Math.floor(past / 86_400)} d ago`;
  return day.format(new Date(iso));
}

export const exact = (iso) => moment.format(new Date(iso));
export const dayOf = (iso) => day.format(new Date(iso));
export const timeOf = (iso) => clock.format(new Date(iso));

/** "job.completed" and "read_only" as a beginning of a sentence. */
export function sentence(name) {
  const text = name.replaceAll(/[._]/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
