// Keys: g and a letter for a view, / for the filter, j and k for rows, ? for this list.
import { h } from "./dom.js";
import { openDialog } from "./dialog.js";
import { VIEWS } from "./views.js";

let waiting = 0; // until when a letter after g counts, milliseconds

export function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("input, select, textarea, dialog")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (waiting > performance.now()) {
    waiting = 0;
    const view = VIEWS.find((each) => each.key === event.key);
    if (view) { event.preventDefault(); location.hash = `#/${view.name}`; }
    return;
  }
  if (event.key === "g") waiting = performance.now() + 1500;
  else if (event.key === "?") { event.preventDefault(); openKeys(); }
  else if (event.key === "/") {
    const filter = document.querySelector("main [data-filter], main input");
    if (filter) { event.preventDefault(); filter.focus(); }
  } else if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
}

function move(step) {
  const all = [...document.querySelectorAll("main [data-row]")];
  if (!all.length) return;
  const at = all.indexOf(document.activeElement.closest("[data-row]"));
  const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step));
  all[next].focus();
  all[next].scrollIntoView({ block: "nearest" });
}

export function openKeys() {
  const rows = [...VIEWS.filter((view) => view.key).map((view) => [["g", view.key], view.title]),
    [["/"], "Filter"], [["j"], "Next row"], [["k"], "Row before"], [["Enter"], "Open the row"], [["?"], "This list"], [["Esc"], "Close"]];
  openDialog("Keys", h("dl", { class: "keys" }, rows.map(([keys, what]) => h("div", {}, h("dt", {}, keys.map((key) => h("kbd", {}, key))), h("dd", {}, what)))));
}
