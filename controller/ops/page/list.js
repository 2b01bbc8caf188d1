// A list with a filter above it: what views of events have in common. Rows are made once and stay.
import { h, keyed, put } from "./dom.js";
import { plural } from "./format.js";

const MOST = 200; // rows that are drawn; the filter finds the rest

// ``columns``: titles. ``choices``: [value, title] for a select beside the filter, or null. ``fill(row, item)`` makes the cells.
export function makeList({ name, columns, choices, placeholder, keyOf, textOf, fits, fill, empty, noun }) {
  const filter = h("input", { type: "search", "data-filter": "", "aria-label": `Filter ${noun}s`, placeholder, spellcheck: "false", autocomplete: "off" });
  const choose = choices ? h("select", { "aria-label": "Show" }, choices.map(([value, title]) => h("option", { value }, title))) : null;
  const shown = h("span", { class: "muted shown", role: "status" });
  const body = h("tbody");
  const nothing = h("p", { class: "plain" }, empty);
  const table = h("table", { class: `list ${name}` }, h("thead", {}, h("tr", {}, columns.map((title) => h("th", { scope: "col" }, title)))), body);
  const frame = h("section", { class: "group" }, table);
  const node = h("div", { class: "stack" }, h("div", { class: "filters" }, filter, choose, shown), nothing, frame);
  let all = [];

  const draw = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = all.filter((item) => (!choose || fits(item, choose.value)) && words.every((word) => textOf(item).toLowerCase().includes(word)));
    nothing.hidden = found.length > 0;
    frame.hidden = !found.length;
    put(nothing, all.length ? `No ${noun} fits the filter.` : empty);
    put(shown, found.length > MOST ? `the latest ${MOST} of ${plural(found.length, noun)}` : plural(found.length, noun));
    keyed(body, found.slice(0, MOST), keyOf, (item) => { const row = h("tr", { "data-row": "", tabindex: "-1" }); fill(row, item); return row; });
  };
  filter.addEventListener("input", draw);
  if (choose) choose.addEventListener("change", draw);
  return { node, filter, show: (items) => { all = items; draw(); } };
}

// Enter on a row goes where its link goes.
export function openOnEnter(node) {
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("[data-row]")) event.target.querySelector("a")?.click();
  });
}
