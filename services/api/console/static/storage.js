// localStorage, where it may be used; a browser that forbids it forgets, and that is all.
const PREFIX = "sluice.";

export function remembered(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function remember(name, text) {
  try {
    if (text === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, text);
  } catch {
    // Full or forbidden: what is lost is a convenience.
  }
}
