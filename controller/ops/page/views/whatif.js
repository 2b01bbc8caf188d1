// What-if: which numbers would be in trouble if something were down.
import { post } from "../api.js";
import { h, labelled, put, swap } from "../dom.js";
import { chooseDown, moments } from "../fields.js";
import { NONE, plural, span } from "../format.js";

export function draw(root) {
  const down = chooseDown("Assume down", true), at = moments();
  const problem = h("p", { class: "problem", role: "alert" });
  const answer = h("div", { class: "stack", "aria-live": "polite" });
  const ask = async (event, all) => {
    event.preventDefault();
    put(problem, "");
    if (!all && !down.chosen().length) { put(problem, "Choose what is assumed to be down."); return; }
    try {
      const found = await post("v1/what-if", { down: down.chosen(), at: at.iso(), all });
      swap(answer, all ? ranking(found.answers) : show(found.answers[0]));
    } catch (error) { put(problem, `${error.message[0].toUpperCase()}${error.message.slice(1)}.`); }
  };
  root.append(h("form", { class: "panel form", onsubmit: (event) => ask(event, false) }, down, labelled("When", at, "empty: now"),
    h("div", { class: "go" }, problem, h("button", { type: "button", onclick: (event) => ask(event, true) }, "Each in turn"), h("button", { type: "submit", class: "main" }, "Compare"))), answer);
}

const names = (list) => (list.length > 6 ? `${list.slice(0, 6).join(", ")} and ${list.length - 6} more` : list.join(", "));
const trouble = (found) => found.calls.counts.unreachable + found.cascades.unreachable.length;

function verdict(found) {
  const { counts } = found.calls;
  const told = [`${counts.changed} of ${plural(counts.routes, "route")} ${counts.changed === 1 ? "changes" : "change"}.`];
  if (counts.not_live) told.push(`${plural(counts.not_live, "loses", "lose")} the one who always answers.`);
  if (counts.voicemail) told.push(`${plural(counts.voicemail, "ends", "end")} in voicemail alone.`);
  if (counts.slower > 0) told.push(`Callers wait up to ${span(counts.slower)} longer.`);
  return told.join(" ");
}

function show(found) {
  const out = [...found.calls.unreachable, ...found.cascades.unreachable.map((each) => `${each.cascade} to ${each.country || "other countries"}`)];
  const rows = found.calls.changes;
  return [
    h("section", { class: "panel stack" }, out.length ? h("p", { class: "bad strong" }, `Nobody would be reached by ${names(out)}.`) : h("p", { class: "good strong" }, "Everybody would still be reached."), h("p", { class: "muted" }, `With ${found.down.join(", ")} down: ${verdict(found)}`)),
    rows.length ? h("section", { class: "group" }, h("table", { class: "small" }, h("caption", {}, "Calls that go another way"), h("thead", {}, h("tr", {}, ["Chain", "Numbers", "Goes first to", "Instead of", "Stages left", "Worst wait"].map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" }, row.chain), h("td", {}, names(row.routes)), h("td", { class: row.after.first.length ? "strong" : "bad strong" }, row.after.first.join(", ") || "nobody"), h("td", { class: "muted" }, row.before.first.join(", ") || NONE),
        h("td", {}, `${row.after.stages.length} of ${row.stages}`), h("td", {}, span(row.after.wait))))))) : null,
    found.cascades.changes.length ? h("section", { class: "group" }, h("table", { class: "small" }, h("caption", {}, "Cascades that go another way"), h("thead", {}, h("tr", {}, ["Cascade", "Countries", "Goes first to", "Instead of"].map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, found.cascades.changes.map((row) => h("tr", {}, h("th", { scope: "row" }, row.cascade), h("td", {}, names(row.countries.map((each) => each || "all others"))), h("td", { class: row.after.first ? "strong" : "bad strong" }, row.after.first || row.after.refused || "nobody"), h("td", { class: "muted" }, row.before.first || NONE)))))) : null,
  ];
}

function ranking(answers) {
  return [h("section", { class: "group" }, h("table", { class: "small" }, h("caption", {}, "What hurts most comes first"), h("thead", {}, h("tr", {}, ["Down", "Unreachable", "What changes"].map((each) => h("th", { scope: "col" }, each)))),
    h("tbody", {}, answers.map((found) => h("tr", {}, h("th", { scope: "row" }, found.down.join(", ")), h("td", { class: trouble(found) ? "bad strong" : "" }, trouble(found) ? String(trouble(found)) : "none"), h("td", { class: "muted" }, verdict(found)))))))];
}
