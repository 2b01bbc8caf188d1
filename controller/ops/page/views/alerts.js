// Alerts: what is open, who was told, and what could not be delivered; operators acknowledge.
import { get } from "../api.js";
import { h, swap } from "../dom.js";

export function draw(root) {
  const body = h("div", { class: "stack" }, h("p", { class: "plain" }, "Asking for alerts."));
  root.append(body);
  get("v1/alerts").then(() => swap(body, h("p", { class: "plain" }, "Alerts are on.")), (error) => swap(body, h("div", { class: "panel prose" },
    error.status === 404 ? [h("p", {}, "No alerts are set up in this dialplan. Trunks that stay down are shown on the ", h("a", { href: "#/board" }, "board"), " and in the ", h("a", { href: "#/timeline" }, "timeline"), " all the same.")]
      : h("p", {}, `Not known: ${error.message}.`))));
}
