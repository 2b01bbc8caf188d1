// The timeline: what changed and why, and which calls went another way because of it.
import { get } from "../api.js";
import { h } from "../dom.js";
import { when } from "../format.js";
import { makeList, openOnEnter } from "../list.js";
import { KINDS, callId, failover, say } from "../say.js";
import { badge, setBadge } from "../state.js";
import { events } from "../store.js";

const CHOICES = [["", "Everything"], ["trunk", "Trunks"], ["failover", "Failovers"], ["quality", "Quality"], ["rest", "All else"]];

export function draw(root, { me, on }) {
  const list = makeList({
    name: "timeline-list", columns: ["When", "What", "Who", "State", "Why"], choices: CHOICES, placeholder: "carrier-a, down, …", noun: "event",
    empty: "Nothing has happened since the console came up. Changes of trunks and providers show here at once.",
    keyOf: (item) => item.id, textOf: (item) => `${item.who} ${item.word || item.state} ${item.text} ${KINDS[item.kind] || item.kind}`,
    fits: (item, choice) => !choice || item.kind === choice || (choice === "rest" && !["trunk", "failover", "quality"].includes(item.kind)),
    fill: (row, item) => row.append(h("td", { class: "at" }, when(item.at)), h("td", { class: "muted" }, KINDS[item.kind] || item.kind),
      h("td", { class: "strong" }, item.call ? h("a", { href: `#/call/${encodeURIComponent(callId(item.call))}` }, item.who) : item.who),
      h("td", {}, setBadge(badge(), item.state, item.word)), h("td", { class: "why" }, item.text)),
  });
  root.append(list.node);
  openOnEnter(root);
  let kept = []; // from before, where records are kept
  const same = (event) => `${event.source} ${event.kind} ${say(event).who} ${Math.round(event.at * 1000)}`; // live ones come in whole ms
  const update = () => {
    const there = new Set(events.other.map(same));
    const told = [...events.other, ...kept.filter((event) => !there.has(same(event)))].filter((event) => event.kind !== "cascade").map((event) => ({ id: event.id, at: event.at, kind: event.kind, ...say(event) }));
    const known = new Set(told.map((item) => item.call && callId(item.call)));
    for (const event of events.call) {
      const found = failover(event);
      if (found && !known.has(callId(found.call))) told.push({ id: event.id, at: event.at, kind: "failover", ...found });
    }
    list.show(told.sort((a, b) => b.at - a.at));
  };
  on(({ events: heard, all }) => { if (all || heard.length) update(); });
  update();
  if (me.has.includes("timeline")) get("v1/timeline?limit=200").then((found) => { kept = found.events.map((event) => ({ ...event, id: `kept-${event.id}` })); update(); }, () => { /* what came since is shown */ });
}
