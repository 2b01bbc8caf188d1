// Alerts: what is open, who was told, and what could not be delivered; operators acknowledge.
import { get, post } from "../api.js";
import { h, keyed, put, swap } from "../dom.js";
import { note } from "../dialog.js";
import { plural, setSince, since, when } from "../format.js";
import { badge, setBadge } from "../state.js";

export function draw(root, { me, on, onClose }) {
  if (!me.has.includes("alerts")) {
    root.append(h("div", { class: "panel prose" }, h("p", {}, "No alerts are set up in this dialplan. Trunks that stay down are shown on the ", h("a", { href: "#/board" }, "board"), " and in the ", h("a", { href: "#/timeline" }, "timeline"), " all the same."),
      h("p", {}, "With a section ", h("code", {}, "alerts"), " callward tells whom you want: one page for one outage, by Alertmanager, PagerDuty, mail, chat or a webhook of yours.")));
    return;
  }
  const lost = h("p", { class: "alarm", hidden: true }), nothing = h("p", { class: "plain" }, "Asking for alerts.");
  const open = h("div", { class: "stack" }), over = h("div", { class: "stack" }), before = h("h2", { hidden: true }, "Over");
  root.append(lost, nothing, open, before, over);
  let closed = false, asking = false;
  const refresh = async () => {
    if (asking) return;
    asking = true;
    try {
      const found = await get("v1/alerts");
      if (closed) return;
      lost.hidden = !found.undelivered;
      put(lost, `${plural(found.undelivered, "message was", "messages were")} not delivered yet; ${found.undelivered === 1 ? "it is" : "they are"} tried again.`);
      const mine = found.alerts.filter((each) => !each.resolved), past = found.alerts.filter((each) => each.resolved);
      nothing.hidden = mine.length > 0;
      put(nothing, "All is well: no alert is open.");
      before.hidden = !past.length;
      const card = () => h("section", { class: "panel alert", "data-row": "", tabindex: "-1" });
      keyed(open, mine, (each) => each.id, card, (node, each) => fill(node, each, me, refresh));
      keyed(over, past, (each) => each.id, card, (node, each) => fill(node, each, me, refresh));
    } catch (error) { put(nothing, `Not known: ${error.message}.`); nothing.hidden = false; } finally { asking = false; }
  };
  const timer = setInterval(refresh, 3000);
  onClose(() => { closed = true; clearInterval(timer); });
  on(({ events }) => { if (events.some((event) => event.kind !== "call" && event.kind !== "cascade")) refresh(); });
  refresh();
}

// What is said of it, without the command that acknowledges: there is a button for that.
const words = (alert) => alert.text.split("\n").filter((line) => line.trim() && line !== alert.title && !line.startsWith("callward alerts ack"));

function fill(node, alert, me, refresh) {
  const text = JSON.stringify({ ...alert, for: "" });
  if (node.text === text) return;
  node.text = text;
  const state = setBadge(badge(), alert.resolved ? "up" : alert.severity === "critical" ? "down" : "degraded");
  put(state.lastChild, alert.resolved ? "Over" : alert.severity === "critical" ? "Critical" : "Warning");
  const acknowledge = async () => {
    try { await post(`v1/alerts/${encodeURIComponent(alert.id)}/acknowledge`); note("You look after it."); refresh(); } catch (error) { note(`Not acknowledged: ${error.message}.`, true); }
  };
  swap(node,
    h("div", { class: "chain-head" }, h("h2", {}, state, " ", alert.title), h("span", { class: "muted" }, alert.resolved ? ["over since ", when(alert.resolved)] : ["for ", setSince(since(alert.opened), alert.opened)])),
    words(alert).map((line) => h("p", {}, line)),
    h("p", { class: "muted" }, alert.told ? `Told: ${alert.notified.join(", ") || "nobody yet"}.` : "Held for a moment: nobody is told if it is over by then.", alert.acknowledged ? ` ${alert.acknowledged} looks after it.` : ""),
    alert.undelivered.map((each) => h("p", { class: "bad" }, `${each.notifier} was not reached, ${plural(each.tries, "try", "tries")}: ${each.why}`)),
    alert.lines.length ? h("details", {}, h("summary", {}, "What happened"), h("ul", { class: "steps timed" }, alert.lines.map((line) => h("li", {}, h("span", { class: "muted" }, when(line.at)), line.what)))) : null,
    me.role === "operator" && !alert.resolved && !alert.acknowledged ? h("div", { class: "go" }, h("button", { type: "button", class: "main", onclick: acknowledge }, "I look after it")) : null);
}
