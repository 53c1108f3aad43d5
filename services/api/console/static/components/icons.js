// Line icons, drawn here. They stand beside words, so screen readers skip them.
import { html } from "../ui.js";

const PATHS = {
  datasets: "M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3Zm0 0v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3",
  jobs: "M9 6h11M9 12h11M9 18h11M4 6h.01M4 12h.01M4 18h.01",
  failures: "M12 9v4m0 4h.01M10.3 3.9 2.4 17.5A2 2 0 0 0 4.1 20.5h15.8a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0Z",
  workers: "M5 5h14v14H5zM9.5 9.5h5v5h-5zM9 2v3M15 2v3M9 19v3M15 19v3M2 9h3M2 15h3M19 9h3M19 15h3",
  costs: "M12 2v20M17 6.5C16 5 14 4.5 12 4.5c-3 0-5 1.3-5 3.6 0 5 10 2.6 10 7.6 0 2.4-2.2 3.8-5 3.8-2.4 0-4.4-.8-5.4-2.6",
  log: "M8 4h8M8 2h8v4H8zM8 4H6a2 2 0 0 0-2 2v13a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V6a2 2 0 0 0-2-2h-2M8.5 11h7M8.5 15h5",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
  upload: "M12 16V4m0 0L7 9m5-5 5 5M4 16v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm5-2 5 5",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  retry: "M20 11a8 8 0 1 0-2.3 5.7M20 4v7h-7",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.5v15l12-7.5z",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v6M14 11v6",
  menu: "M4 6h16M4 12h16M4 18h16",
  file: "M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8zM14 3v5h5",
  link: "M14 4h6v6M20 4l-9 9M18 14v4a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2h4",
  check: "M4 12.5 9.5 18 20 6.5",
  theme: "M12 3v18a9 9 0 0 0 0-18ZM12 21a9 9 0 0 1 0-18",
  leave: "M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M10 17l-5-5 5-5M5 12h11",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  docs: "M4 5a2 2 0 0 1 2-2h13v18H6a2 2 0 0 1-2-2zM4 19a2 2 0 0 1 2-2h13",
  filter: "M4 5h16l-6 8v6l-4-2v-4z",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}

export function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="7" class="mark-ground" />
    <path d="M8 7v18M24 7v18" class="mark-posts" />
    <path d="M11.5 9.5h9v6h-9z" class="mark-gate" />
    <path d="M11.5 20c1.5-1.6 3-1.6 4.5 0s3 1.6 4.5 0M11.5 24c1.5-1.6 3-1.6 4.5 0s3 1.6 4.5 0" class="mark-water" />
  </svg>`;
}
