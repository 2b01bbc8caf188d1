// Alerts: what is open, who was told, and what could not be delivered; operators acknowledge.
import { h, swap } from "../dom.js";

export function draw(root, { me }) {
  const body = h("div", { class: "stack" });
  root.append(body);
  if (!me.has.includes("alerts")) {
    swap(body, h("div", { class: "panel prose" }, h("p", {}, "No alerts are set up in this dialplan. Trunks that stay down are shown on the ", h("a", { href: "#/board" }, "board"), " and in the ", h("a", { href: "#/timeline" }, "timeline"), " all the same.")));
  }
}
