// Cascades: how messages fare, in figures and plots of the last hour, and the latest that ended.
import { attr, h, keyed, put } from "../dom.js";
import { NONE, count, percent, span, when } from "../format.js";
import { makeList } from "../list.js";
import { line, stacked } from "../plot.js";
import { badge, setBadge } from "../state.js";
import { events, head, rows } from "../store.js";

const CHOICES = [["", "All cascades"], ["completed", "Completed"], ["other", "Not completed"]];
const STATES = { completed: "up", exhausted: "down", refused: "degraded", cancelled: "unknown" };

export function draw(root, { on }) {
  const none = h("p", { class: "plain" }, "This daemon sends no messages, or its process for messages does not answer.");
  const tiles = h("dl", { class: "tiles" });
  const ended = stacked("Cascades that ended", [["up", "completed"], ["down", "not completed"]]);
  const times = line("Median time to completion", span);
  const tables = h("div", { class: "pair" });
  const list = makeList({
    name: "cascades-list", columns: ["Ended", "Cascade", "Tenant", "Country", "Outcome", "By", "Took", "Cost"], choices: CHOICES, placeholder: "country, provider, tenant, reason", noun: "cascade",
    empty: "No cascade has ended since the console came up.",
    keyOf: (event) => event.id, textOf: ({ data }) => `${data.cascade} ${data.tenant} ${data.country} ${data.status} ${data.reason} ${data.sends.join(" ")} ${data.use_case}`,
    fits: ({ data }, choice) => !choice || (data.status === "completed") === (choice === "completed"),
    fill: (row, { data }) => {
      const state = setBadge(badge(), STATES[data.status] || "unknown");
      state.lastChild.textContent = data.status[0].toUpperCase() + data.status.slice(1);
      row.append(h("td", { class: "at" }, when(data.ended)), h("td", {}, h("code", {}, data.cascade.slice(0, 12))), h("td", {}, data.tenant || NONE), h("td", {}, data.country || NONE), h("td", {}, state),
        h("td", { class: "why" }, data.winner ? [h("span", { class: "strong" }, data.winner), data.sends.length > 1 ? ` after ${data.sends.filter((each) => each !== data.winner).join(", ")}` : ""] : data.reason || data.sends.join(", ")),
        h("td", { class: "figure" }, span(data.ended - data.created)), h("td", { class: "figure" }, data.cost ? data.cost.toFixed(4) : NONE));
    },
  });
  const all = h("div", { class: "stack" }, tiles, h("div", { class: "pair" }, ended, times), tables, list.node);
  root.append(none, all);
  const update = () => {
    const figures = rows.get("figures"), now = head();
    const some = Boolean(now?.messages || events.cascade.length);
    none.hidden = some;
    all.hidden = !some;
    if (!figures) return;
    const shown = [["Completed, last hour", percent(figures.rate, 1)], ["Median time", span(figures.median)], ["95 % within", span(figures.p95)],
      ["By a fallback", percent(figures.fallback)], ["Ended", count(figures.ended)], ["Cost of one completed", figures.each === null ? NONE : figures.each.toFixed(4)]];
    keyed(tiles, shown, ([name]) => name, ([name]) => h("div", {}, h("dt", {}, name), h("dd", {})), (tile, [, value]) => put(tile.lastChild, value));
    ended.show(figures.cascades, figures.until);
    times.show(figures.medians, figures.until);
    keyed(tables, [["By country", "Country", "Completed", figures.countries], ["By provider", "Provider", "Delivered", figures.providers]], ([title]) => title, ([title, name, verb]) => {
      const body = h("tbody");
      const node = h("section", { class: "group" }, h("table", { class: "small", "aria-label": title }, h("thead", {}, h("tr", {}, [name, "Tried", verb, ""].map((each) => h("th", { scope: "col" }, each || h("span", { class: "visually-hidden" }, "Share"))))), body));
      node.body = body;
      return node;
    }, (node, [, , , table]) => {
      node.hidden = !table.length;
      keyed(node.body, table, ([name]) => name, ([name]) => h("tr", {}, h("th", { scope: "row" }, name), h("td"), h("td"), h("td", {}, h("meter", { min: 0, max: 1, low: 0.7, high: 0.9, optimum: 1, "aria-label": `share of ${name}` }))), (row, [, tried, done]) => {
        put(row.children[1], count(tried));
        put(row.children[2], `${count(done)} (${percent(done / tried)})`);
        attr(row.children[3].firstChild, "value", done / tried);
      });
    });
    list.show([...events.cascade].reverse());
  };
  on(({ rows: changed, events: heard, all: anew }) => { if (anew || changed.includes("figures") || changed.includes("head") || heard.some((event) => event.kind === "cascade")) update(); });
  update();
}
