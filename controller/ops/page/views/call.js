// One call: what became of it, its ladder, and why it went where it went.
import { get } from "../api.js";
import { h, swap } from "../dom.js";
import { span, when } from "../format.js";
import { drawLadder, ofRecord } from "../ladder.js";
import { callId, cause, outcome } from "../say.js";
import { badge, setBadge } from "../state.js";
import { events } from "../store.js";

export function draw(root, { me, argument }) {
  const body = h("div", { class: "stack" }, h("p", { class: "plain" }, "Asking for the call."));
  root.append(body);
  const heard = [...events.call].reverse().find((event) => callId(event.data.call) === argument);
  if (!me.has.includes("calls")) {
    swap(body, heard ? show(heard.data, ofRecord(heard.data), []) : h("p", { class: "plain" }, "No such call is kept."));
    return;
  }
  get(`v1/calls/${encodeURIComponent(argument)}`).then(
    (found) => swap(body, show(found.record || heard?.data, found.ladder, found.messages || [])),
    (error) => swap(body, heard ? show(heard.data, ofRecord(heard.data), []) : h("p", { class: "plain" }, error.status === 404 ? "No such call is kept." : `Not known: ${error.message}.`)));
}

function show(call, ladder, messages) {
  const parts = [];
  if (call) {
    const came = outcome(call);
    const state = setBadge(badge(), came.state);
    state.lastChild.textContent = came.word;
    parts.push(h("section", { class: "panel facts" }, fact("Outcome", state, " ", came.text), fact("Called", call.did), fact("Caller", call.caller || "withheld"), fact("When", when(call.moment)),
      fact("Chain", call.chain || "none"), fact("Wait", span(call.seconds)), fact("Dialplan", h("code", {}, call.version))));
    if (call.panic) parts.push(h("p", { class: "alarm" }, "Nothing was known to be alive then, so health was ignored."));
  }
  if (ladder) parts.push(drawLadder(ladder));
  if (call) {
    const because = [...call.skipped.map((each) => ["passed over", each]), ...call.demoted.map((each) => ["put behind", each])];
    parts.push(h("section", { class: "group" }, h("table", { class: "small" }, h("caption", {}, "Attempts"), h("thead", {}, h("tr", {}, ["Way", "Began after", "Got as far as", "Ended"].map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, call.attempts.map((each) => h("tr", {}, h("th", { scope: "row" }, each.path), h("td", {}, span(each.at)), h("td", {}, String(each.milestone).toLowerCase()), h("td", {}, each.path === call.winner ? "it has the call" : cause(each.cause)))),
        because.map(([how, each]) => h("tr", { class: "muted" }, h("th", { scope: "row" }, each.what), h("td", { colspan: 2 }, how), h("td", {}, each.why)))))));
    if (call.decisions?.length) parts.push(h("section", { class: "panel" }, h("h2", {}, "Order by quality"), h("ul", { class: "steps" }, call.decisions.map((each) => h("li", {}, `${each.what}, stage ${each.stage}: ${each.why}`)))));
  }
  if (messages.length) parts.push(h("details", { class: "panel" }, h("summary", {}, `The SIP messages, ${messages.length} of them`), messages.map((each) => h("pre", { tabindex: "0" }, `${each.sent ? "to" : "from"} ${each.who} ${each.host}:${each.port} ${each.transport}\n\n${each.text}`))));
  return parts;
}

const fact = (name, ...value) => h("div", {}, h("span", { class: "muted" }, name), h("span", {}, value));
