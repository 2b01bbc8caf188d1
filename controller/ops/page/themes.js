// Which theme is chosen: "" is as the system has it.

export const theme = () => document.documentElement.dataset.theme || "";
export const nextTheme = () => ({ "": "light", light: "dark", dark: "" })[theme()];

export function setTheme(name) {
  if (name) document.documentElement.dataset.theme = name; else delete document.documentElement.dataset.theme;
  try { localStorage.setItem("callward-theme", name); } catch { /* not allowed to remember */ }
}
