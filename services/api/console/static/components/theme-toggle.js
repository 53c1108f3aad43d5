// Light, dark, or as the system is; the choice is kept.
import { remember, remembered } from "../storage.js";
import { html, useState } from "../ui.js";
import { Icon } from "./icons.js";

const NEXT = { system: "light", light: "dark", dark: "system" };
const NAMES = { system: "System", light: "Light", dark: "Dark" };

export function ThemeToggle() {
  const [theme, setTheme] = useState(remembered("theme") ?? "system");
  function turn() {
    const next = NEXT[theme];
    remember("theme", next === "system" ? null : next);
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    setTheme(next);
  }
  return html`<button type="button" class="button button-small button-plain" onClick=${turn}>
    <${Icon} name="theme" /><span class="hidden">Theme: </span>${NAMES[theme]}
  </button>`;
}
