// Calls: those that came lately, the newest first, as they come; each leads to its ladder.
import { get } from "../api.js";
import { h, keyed, put } from "../dom.js";
import { plural, setSince, since, span, when } from "../format.js";
import { makeList, openOnEnter } from "../list.js";
import { callId, cause, outcome } from "../say.js";
import { badge, setBadge } from "../state.js";
import { events, head } from "../store.js";

const CHOICES = [["", "All calls"], ["up", "Answered"], ["down", "Missed"], ["unknown", "Hung up by the caller"], ["other", "Went another way"]];
const tries = (call) => (call.attempts ? call.attempts.length : call.trunks.length);
const wentAround = (call) => tries(call) > 1 || call.skipped?.length > 0;

export function draw(root, { me, on, onClose }) {
  const now = h("p", { class: "muted" });
  const list = makeList({
    name: "calls-list", columns: ["When", "Called", "Caller", "Chain", "Outcome", "Answered by, or why not", "Wait", "Attempts"], choices: CHOICES, placeholder: "number, chain, trunk, cause", noun: "call",
    empty: "No calls since the console came up. They show here as soon as the caller has an answer.",
    keyOf: (event) => event.id,
    textOf: ({ data }) => `${data.did} ${data.caller} ${data.from_trunk} ${data.chain} ${data.status} ${data.cause} ${data.winner} ${(data.trunks || data.attempts.map((each) => each.path)).join(" ")}`,
    fits: ({ data }, choice) => !choice || (choice === "other" ? wentAround(data) : outcome(data).state === choice),
    fill: (row, { data, at }) => {
      const came = outcome(data);
      const state = setBadge(badge(), came.state);
      state.lastChild.textContent = came.word;
      row.append(h("td", { class: "at" }, h("a", { href: `#/call/${encodeURIComponent(data.id ?? callId(data.call))}`, "aria-label": `Call to ${data.did}` }, when(data.moment || at))),
        h("td", { class: "strong" }, data.did), h("td", {}, data.caller || "withheld", data.from_trunk ? h("small", { class: "below" }, `by ${data.from_trunk}`) : null),
        h("td", {}, data.chain), h("td", {}, state), h("td", { class: "why" }, came.text), h("td", { class: "figure" }, span(data.seconds)),
        h("td", { class: "figure" }, String(tries(data))));
    },
  });
  const ringing = h("section", { class: "group", hidden: true }), body = h("tbody");
  ringing.append(h("table", { class: "small" }, h("caption", {}, "Being set up now"), h("thead", {}, h("tr", {}, ["Called", "Caller", "Chain", "Tried", "For"].map((each) => h("th", { scope: "col" }, each)))), body));
  root.append(now, ringing, list.node);
  openOnEnter(root);
  let kept = []; // those from before, where records are kept
  const look = async () => { // asked only while there is something to see
    const { ringing: calls } = await get("v1/under-way").catch(() => ({ ringing: [] }));
    ringing.hidden = !calls.length;
    keyed(body, calls, (call) => call.call, (call) => h("tr", {}, h("th", { scope: "row" }, call.did), h("td", {}, call.caller || "withheld"), h("td", {}, call.chain), h("td"), h("td", {}, setSince(since(call.moment), call.moment))),
      (row, call) => put(row.children[3], call.attempts.map((each) => `${each.path}, ${each.open ? each.milestone === "none" ? "silent" : each.milestone : cause(each.cause)}`).join("; ")));
  };
  const timer = setInterval(() => { if (head()?.ringing || !ringing.hidden) look(); }, 1000);
  onClose(() => clearInterval(timer));
  const update = () => {
    const row = head();
    now.textContent = !row ? " " : row.ringing === null ? "What is under way is not known: the process for calls does not answer." : `${plural(row.ringing, "call is", "calls are")} being set up, ${plural(row.up, "is", "are")} up.`;
    const lately = [...events.call].reverse(), there = new Set(lately.map((event) => callId(event.data.call)));
    list.show([...lately, ...kept.filter((call) => !there.has(call.call)).map((call) => ({ id: `kept-${call.id}`, at: call.at, data: { ...call, moment: call.at } }))]);
  };
  on(({ events: heard, rows, all }) => { if (all || rows.includes("head") || heard.some((event) => event.kind === "call")) update(); });
  update();
  if (me.has.includes("calls")) get("v1/calls?limit=200").then(({ calls }) => { kept = calls; update(); }, () => { /* what came since is shown */ });
}
