// The demo: what is simulated, broken and repaired by click, beside what callward says of it, and what comes of it.
import { get, post } from "../api.js";
import { attr, h, keyed, put } from "../dom.js";
import { note } from "../dialog.js";
import { span, when } from "../format.js";
import { callId, cause } from "../say.js";
import { badge, setBadge } from "../state.js";
import { events, ofKind } from "../store.js";

const VERBS = [["kill", "Kill", "its process ends: the port is closed"], ["silence", "Silence", "a trunk loses power; a provider takes messages and loses them"],
  ["slow", "Slow", "a trunk is at the end of a bad line; a provider takes seconds"], ["fail", "Fail", "alive, and answers everything with 503"],
  ["revive", "Revive", "as good as new"]];
const LATEST = 8, LOOK = 1000; // rows; milliseconds between two looks at what is simulated

export function draw(root, { me, on, onClose }) {
  const wants = me.role === "operator" ? h("div", { class: "go" }, h("button", { type: "button", onclick: () => want("call") }, "Place a call"), h("button", { type: "button", onclick: () => want("code") }, "Send a code")) : null;
  const said = h("p", { class: "muted" }, "Calls and codes come by themselves; trunks and providers are simulated. Break one, and see what becomes of the next.");
  const body = h("tbody");
  const table = h("table", { class: "list demo-list", "aria-label": "Simulated parts" },
    h("thead", {}, h("tr", {}, ["", "Simulated as", "callward says", "Leads to", "Do"].map((text) => h("th", { scope: "col" }, text || h("span", { class: "visually-hidden" }, "Name"))))), body);
  const latest = h("tbody");
  const news = h("table", { class: "list demo-news", "aria-label": "What comes of it" },
    h("thead", { class: "visually-hidden" }, h("tr", {}, ["At", "What", "By", "After"].map((text) => h("th", { scope: "col" }, text)))), latest);
  root.append(h("div", { class: "demo-head" }, said, wants), h("section", { class: "group" }, table), h("h2", {}, "What comes of it"), h("section", { class: "group" }, news));
  let parts = [];

  const drawParts = () => {
    const rows = new Map([...ofKind("trunk").map((row) => [row.name, row]), ...ofKind("provider").map((row) => [row.provider, row])]);
    keyed(body, parts, (part) => part.name, (part) => makePart(part, me, act), (node, part) => {
      const [, simulated, says, leads] = node.children;
      attr(node, "class", part.verb === "revive" ? null : "broken");
      put(simulated, part.condition);
      const row = rows.get(part.name);
      setBadge(says.firstChild, row ? row.state : "unknown");
      put(says.lastChild, row ? row.gate_why || (row.state === "up" ? "" : row.why) : "");
      put(leads, part.leads_to);
      for (const button of node.querySelectorAll("button")) {
        if (button.dataset.verb === "revive") attr(button, "class", part.verb === "revive" ? "quiet" : "main");
        else attr(button, "aria-pressed", String(button.dataset.verb === part.verb));
      }
    });
  };
  const drawNews = () => {
    const found = [...events.call, ...events.cascade].filter((event) => event.kind === "call" || event.kind === "cascade").sort((a, b) => b.at - a.at).slice(0, LATEST);
    keyed(latest, found, (event) => event.id, makeNews);
  };
  const look = async () => {
    try { parts = (await get("v1/demo")).parts; } catch (error) { put(said, `The demo does not answer: ${error.message}.`); return; }
    drawParts();
  };
  const act = async (part, verb) => {
    try { await post(`v1/demo/${encodeURIComponent(part.name)}/${verb}`); } catch (error) { note(`${part.name}: ${error.message}.`, true); }
    await look();
  };
  const timer = setInterval(look, LOOK);
  onClose(() => clearInterval(timer));
  on(({ rows, events: heard, all }) => { if (rows.length) drawParts(); if (all || heard.length) drawNews(); });
  drawNews();
  look();
}

async function want(what) {
  try { await post(`v1/demo/${what}`); } catch (error) { note(error.message, true); }
}

function makePart(part, me, act) {
  const buttons = VERBS.map(([verb, title, meaning]) => h("button", { type: "button", "data-verb": verb, title: meaning, "aria-label": `${title} ${part.name}`, disabled: me.role !== "operator", onclick: () => act(part, verb) }, title));
  return h("tr", { "data-row": "", "data-name": part.name, tabindex: "-1" },
    h("th", { scope: "row" }, h("span", { class: "strong" }, part.name), " ", h("small", { class: "below" }, part.where)), h("td", { class: "simulated" }),
    h("td", { class: "says" }, badge(), h("small", { class: "below" })), h("td", { class: "muted" }), h("td", { class: "verbs" }, buttons));
}

function makeNews({ kind, at, data }) {
  const row = (what, by, after, tried) => h("tr", { class: "news" }, h("td", { class: "at" }, when(at)), h("td", {}, what), h("td", { class: "why" }, by, tried.length ? h("small", { class: "below" }, tried.join("; ")) : null), h("td", { class: "figure" }, after));
  if (kind === "call") {
    const lost = data.attempts.filter((each) => each.path !== data.winner).map((each) => `${each.path}: ${each.milestone === "none" && ["COMPLETED_ELSEWHERE", "TRUNK_DOWN"].includes(each.cause) ? "no reply" : cause(each.cause)}`);
    const rang = data.attempts.map((each) => each.rang).filter((each) => each !== null);
    return row(h("a", { href: `#/call/${encodeURIComponent(callId(data.call))}` }, "Call"), data.winner || `nobody: ${data.status}`, rang.length ? `rang after ${span(Math.min(...rang))}` : "", lost);
  }
  return row(h("a", { href: "#/cascades" }, "Code"), data.winner || data.reason || data.status, `${data.status === "completed" ? "arrived" : data.status} after ${span(data.ended - data.created)}`, data.sends.filter((each) => each !== data.winner).map((each) => `${each}: did not bring it`));
}
