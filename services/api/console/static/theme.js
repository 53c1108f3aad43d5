// Runs before the first paint, so that a chosen theme never flashes. Without a choice the
// stylesheet follows the system.
(() => {
  try {
    const chosen = localStorage.getItem("sluice.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; then the system's theme has to do.
  }
})();
