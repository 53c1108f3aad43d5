// Addresses and pages: links change the address without a load, and the page follows it.
import { computed, signal } from "./ui.js";

const here = signal(current());

export const path = computed(() => here.value.path);
export const query = computed(() => new URLSearchParams(here.value.search));

export function navigate(target, { replace = false } = {}) {
  if (target === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", target);
  const moved = here.value.path !== location.pathname;
  here.value = current();
  if (moved) {
    scrollTo(0, 0);
    arrive();
  }
}

/** Change parts of the query string; null takes one away. Arrays become repeated parts. */
export function setQuery(changes, { replace = true } = {}) {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") next.append(name, one);
    }
  }
  const text = next.toString();
  navigate(location.pathname + (text ? `?${text}` : ""), { replace });
}

/** `{id}` stands for one part of the path. Returns the parts by name, null if it is another path. */
export function match(pattern, given) {
  const wanted = pattern.split("/");
  const parts = given.replace(/\/+$/, "").split("/");
  if (given === "/") parts.splice(0, parts.length, "", "");
  if (wanted.length !== parts.length) return null;
  const found = {};
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith("{")) found[part.slice(1, -1)] = parts[index];
    else if (part !== parts[index]) return null;
  }
  return found;
}

export function listen() {
  addEventListener("popstate", () => {
    here.value = current();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.origin !== location.origin || link.hasAttribute("data-leave")) return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}

/** "/" leads to the page's search field, as in many other places. */
export function listenForSlash() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select, dialog")) return;
    const field = document.querySelector("[data-slash]");
    if (field === null) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
}

/** A screen reader goes on at the new page's heading, as it does after a load. */
function arrive() {
  requestAnimationFrame(() => document.querySelector("main")?.focus({ preventScroll: true }));
}

function current() {
  return { path: location.pathname, search: location.search };
}
