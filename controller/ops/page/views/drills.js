// Drills: paths exercised on purpose. What there is of them so far is said, and nothing else.
import { h } from "../dom.js";

export function draw(root) {
  root.append(h("div", { class: "panel prose" },
    h("p", {}, "A drill takes a way out on purpose and proves by a test call that the next one works. Drills on a schedule, and their reports, are not part of this version."),
    h("p", {}, "What proves paths today:"),
    h("ul", {}, h("li", {}, h("a", { href: "#/what-if" }, "What-if"), " says which numbers would be in trouble if a carrier, a site or a trunk were down."),
      h("li", {}, h("strong", {}, "Drain"), " on the ", h("a", { href: "#/board" }, "board"), " takes a trunk out for real: new calls take the other way, and you see in ", h("a", { href: "#/calls" }, "Calls"), " how they fare."),
      h("li", {}, "Deep probes (", h("code", {}, "deep"), " of a trunk) place a test call over it regularly; they show in the ", h("a", { href: "#/timeline" }, "timeline"), " as own calls."))));
}
