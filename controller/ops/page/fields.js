// Fields that several forms have: a moment, and what is assumed to be down.
import { h, unique } from "./dom.js";
import { ofKind } from "./store.js";

// A moment in the reader's zone; `iso()` has the offset of that zone, or is "" for now.
export function moments() {
  const node = h("input", { type: "datetime-local" });
  node.iso = () => {
    if (!node.value) return "";
    const minutes = -new Date(node.value).getTimezoneOffset();
    const two = (value) => String(Math.floor(Math.abs(value))).padStart(2, "0");
    return `${node.value}${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
  };
  return node;
}

// Carriers, sites and trunks as boxes to tick; ``kinds`` puts the kind before each name, as `callward what-if` has it.
export function chooseDown(title, kinds = false) {
  const trunks = ofKind("trunk"), providers = ofKind("provider");
  const names = (kind, all) => [...new Set(all.filter(Boolean))].map((name) => [kind, name]);
  const all = [...names("carrier", trunks.map((row) => row.carrier)), ...names("site", trunks.map((row) => row.site)), ...names("trunk", trunks.map((row) => row.group || row.name)),
    ...(kinds ? names("provider", providers.map((row) => row.provider)) : [])];
  const boxes = all.map(([kind, name]) => h("input", { type: "checkbox", id: unique("down"), value: kinds ? `${kind}:${name}` : name, "data-kind": kind }));
  const node = h("fieldset", { class: "choices" }, h("legend", {}, title),
    all.map(([kind, name], index) => h("label", { class: "choice", for: boxes[index].id }, boxes[index], h("span", { class: "muted" }, kind), name)));
  node.chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);
  return node;
}
