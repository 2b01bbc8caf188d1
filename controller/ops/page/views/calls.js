// Calls: those that came lately, the newest first, as they come; each leads to its ladder.
import { get } from "../api.js";
import { h } from "../dom.js";
import { plural, span, when } from "../format.js";
import { makeList, openOnEnter } from "../list.js";
import { callId, outcome } from "../say.js";
import { badge, setBadge } from "../state.js";
import { events, head } from "../store.js";

const CHOICES = [["", "All calls"], ["up", "Answered"], ["down", "Missed"], ["unknown", "Hung up by the caller"], ["other", "Went another way"]];
const tries = (call) => (call.attempts ? call.attempts.length : call.trunks.length);
const wentAround = (call) => tries(call) > 1 || call.skipped?.length > 0;

export function draw(root, { me, on }) {
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
  root.append(now, list.node);
  openOnEnter(root);
  let kept = []; // those from before, where records are kept
  const update = () => {
    const row = head();
    now.textContent = row ? `${plural(row.ringing, "call is", "calls are")} being set up, ${plural(row.up, "is", "are")} up.` : " ";
    const lately = [...events.call].reverse(), there = new Set(lately.map((event) => callId(event.data.call)));
    list.show([...lately, ...kept.filter((call) => !there.has(call.call)).map((call) => ({ id: `kept-${call.id}`, at: call.at, data: { ...call, moment: call.at } }))]);
  };
  on(({ events: heard, rows, all }) => { if (all || rows.includes("head") || heard.some((event) => event.kind === "call")) update(); });
  update();
  if (me.has.includes("calls")) get("v1/calls?limit=200").then(({ calls }) => { kept = calls; update(); }, () => { /* what came since is shown */ });
}
