// Explain: what would become of a call, by the functions that carry calls.
import { post } from "../api.js";
import { h, labelled, put, swap } from "../dom.js";
import { NONE, span } from "../format.js";
import { ofKind } from "../store.js";
import { chooseDown, moments } from "../fields.js";

export function draw(root, { argument }) {
  const did = h("input", { required: true, value: argument || null, autocomplete: "off", spellcheck: "false", inputmode: "tel", placeholder: "+15557000" });
  const caller = h("input", { autocomplete: "off", spellcheck: "false", inputmode: "tel", placeholder: "anybody" });
  const from = h("select", {}, h("option", { value: "" }, "from outside"), [...new Set(ofKind("trunk").map((row) => row.group || row.name))].map((name) => h("option", { value: name }, `from ${name}`)));
  const at = moments(), live = h("input", { type: "checkbox", checked: true, id: "as-now" });
  const down = chooseDown("Assume down");
  const problem = h("p", { class: "problem", role: "alert" });
  const answer = h("div", { class: "stack", "aria-live": "polite" });
  const submit = async (event) => {
    event?.preventDefault();
    put(problem, "");
    try {
      const found = await post("v1/explain", { did: did.value, caller: caller.value, from_trunk: from.value, at: at.iso(), down: down.chosen(), live: live.checked });
      swap(answer, show(found));
    } catch (error) { put(problem, `${error.message[0].toUpperCase()}${error.message.slice(1)}.`); }
  };
  root.append(h("form", { class: "panel form", onsubmit: submit }, labelled("Called number", did), labelled("Caller", caller), labelled("Comes", from), labelled("When", at, "empty: now"), down,
    h("div", { class: "check" }, live, h("label", { for: "as-now" }, "with trunks as they are now")), h("div", { class: "go" }, problem, h("button", { type: "submit", class: "main" }, "Explain"))), answer);
  if (argument) submit();
}

function show(found) {
  if (!found.chain) return [h("p", { class: "plain" }, `Nobody here has ${found.did}: the caller gets ${found.status}.`)];
  return [
    h("section", { class: "panel stack" }, h("p", {}, "A call to ", h("strong", {}, found.did), found.caller ? ` from ${found.caller}` : "", ": rule ", h("code", {}, found.rule), ", chain ", h("strong", {}, found.chain), h("span", { class: "muted" }, ` (${found.where.split("/").pop()})`)),
      found.refused ? h("p", { class: "bad" }, found.refused) : null,
      found.down.length ? h("p", { class: "muted" }, `Down: ${found.down.join(", ")}.`) : null,
      Object.entries(found.hours).map(([name, word]) => h("p", { class: "muted" }, `Hours ${name}: ${word}.`)),
      h("p", {}, found.live_after === null ? "Nobody who always answers is rung." : ["Somebody who always answers is rung after ", h("strong", {}, span(found.live_after)), " at the worst."], ` If nobody answers, the caller gets ${found.status} after ${span(found.over_after)}.`)),
    h("section", { class: "group" }, h("table", { class: "small" }, h("caption", {}, "Stages"), h("thead", {}, h("tr", {}, ["Stage", "Who", "Way", "Address", "Left out, or behind, because"].map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, found.stages.flatMap((stage) => stage.skipped ? [h("tr", {}, h("th", { scope: "row" }, String(stage.number)), h("td", { colspan: 3 }, "the whole stage"), h("td", { class: "muted" }, stage.skipped))]
        : stage.targets.flatMap((target) => target.ways.map((way, index) => h("tr", {}, h("th", { scope: "row" }, index ? "" : String(stage.number)), h("td", {}, target.endpoint, target.live && !index ? h("span", { class: "tag" }, "always answers") : null),
          h("td", { class: "strong" }, way.path), h("td", { class: "muted break" }, way.address), h("td", { class: "muted" }, way.skipped || way.demoted || NONE)))))))),
    h("div", { class: "pair" },
      h("section", { class: "panel" }, h("h2", {}, "If each attempt fails at once"), h("ol", { class: "steps" }, found.order.map((path) => h("li", {}, path)))),
      h("section", { class: "panel" }, h("h2", {}, "If each makes the caller wait"), h("ol", { class: "steps timed" }, found.worst.map((step) => h("li", {}, h("span", { class: "muted" }, span(step.at)), `${step.path}${step.rings ? " rings" : ""}`))))),
  ];
}
