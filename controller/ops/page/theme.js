// Light or dark, before anything is drawn: what was chosen here, or as the system has it.
"use strict";
(() => {
  let chosen = "";
  try { chosen = localStorage.getItem("callward-theme") || ""; } catch { /* not allowed to remember: as the system has it */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
