// Drills: when each path was last exercised and by what, first those that need somebody; operators have a trunk called now.
import { get, post } from "../api.js";
import { h, keyed, put, swap } from "../dom.js";
import { confirmThat, note } from "../dialog.js";
import { NONE, plural, when } from "../format.js";
import { makeList } from "../list.js";
import { cause } from "../say.js";
import { badge, setBadge } from "../state.js";

const STATES = { failed: ["down", "Failed"], never: ["unknown", "Never"], stale: ["degraded", "Stale"], fresh: ["up", "Exercised"] };
const MEANS = { call: "a call", drill: "a drill", test_call: "a test call" };
const CHOICES = [["", "All paths"], ["failed", "Failed"], ["never", "Never exercised"], ["stale", "Stale"], ["fresh", "Exercised"]];

const stateOf = (row, node = badge()) => { const [state, word] = STATES[row.state]; setBadge(node, state); put(node.lastChild, word); return node; };
const by = (means, trunk) => (means === "call" || !trunk ? MEANS[means] : `${MEANS[means]} of ${trunk}`);
const said = (what) => (/^[A-Z_]+$|^\d{3}$/.test(what) ? cause(what) : what);

// What is known of a path or a trunk, as cells: last exercised, by what, what came of it since.
function evidence(row, trunk) {
  return [h("td", { class: "at" }, row.last ? when(row.last.at) : NONE),
    h("td", {}, row.last ? by(row.last.means, trunk) : ""),
    h("td", { class: "why" }, row.failed ? [h("span", { class: "bad" }, `${by(row.failed.means, trunk)} failed: ${said(row.failed.what)}`), " ", when(row.failed.at)] : row.last ? said(row.last.what) : "")];
}

export function draw(root, { me, on, onClose }) {
  const nothing = h("p", { class: "alarm", hidden: true }), body = h("tbody");
  const summary = h("p", { class: "muted" }, "Asking what has been exercised.");
  const heads = ["Trunk", "State", "Last", "By", "What came of it", ...(me.role === "operator" ? [""] : [])];
  const trunks = h("section", { class: "group", hidden: true }, h("table", { class: "list drills-trunks" }, h("caption", {}, "Trunks, by test calls"),
    h("thead", {}, h("tr", {}, heads.map((each) => h("th", { scope: "col" }, each || h("span", { class: "visually-hidden" }, "Do"))))), body));
  const list = makeList({
    name: "drills-list", columns: ["Path", "State", "Last", "By", "What came of it", "Chain", "Numbers"], choices: CHOICES, placeholder: "number, chain, endpoint, trunk", noun: "path",
    empty: "No path leads anywhere by this dialplan.",
    keyOf: (row) => JSON.stringify([row.chain, row.path, row.state, row.last, row.failed]), // what has changed is drawn anew
    textOf: (row) => `${row.path} ${row.chain} ${row.dids.join(" ")}`, fits: (row, choice) => !choice || row.state === choice,
    fill: (node, row) => node.append(h("td", { class: "strong" }, row.path), h("td", {}, stateOf(row)), ...evidence(row, row.trunk), h("td", {}, row.chain),
      h("td", {}, row.dids.slice(0, 2).join(", "), row.count > 2 ? h("small", {}, ` and ${row.count - 2} more`) : null)),
  });
  root.append(nothing, summary, trunks, h("h2", {}, "Paths of every number"), list.node);
  let closed = false, asking = false, again = false, large = false; // large: not all paths are told at once
  const refresh = async () => {
    if (asking) { again = true; return; }
    asking = true;
    try {
      const found = await get(large ? `v1/drills?find=${encodeURIComponent(list.filter.value)}` : "v1/drills");
      if (closed) return;
      nothing.hidden = !found.not_kept;
      put(nothing, found.not_kept ? `What was exercised is not known: ${found.not_kept}` : "");
      const { failed, never, stale, fresh } = found.counts;
      put(summary, `${plural(fresh, "path was", "paths were")} exercised within ${Math.round(found.stale_after / 86400)} days and not failed since; ${stale} longer ago, ${never} never, ${failed} failed since.${found.found > found.paths.length ? ` The first ${found.paths.length} of ${found.found} are listed; the filter finds the others.` : ""}`);
      large ||= found.found > found.paths.length;
      trunks.hidden = !found.trunks.length;
      keyed(body, found.trunks, (row) => row.trunk, (row) => makeTrunk(me, row, refresh), fillTrunk);
      list.show(found.paths);
    } catch (error) { put(summary, `Not known: ${error.message}.`); } finally { asking = false; }
    if (again && !closed) { again = false; refresh(); }
  };
  list.filter.addEventListener("input", () => { if (large) refresh(); });
  const timer = setInterval(refresh, 10000);
  onClose(() => { closed = true; clearInterval(timer); });
  on(({ events }) => { if (events.some((event) => event.kind === "drill")) setTimeout(refresh, 400); }); // by then it is written down
  refresh();
}

function makeTrunk(me, row, refresh) {
  const node = h("tr", { "data-row": "", "data-trunk": row.trunk, tabindex: "-1" }, h("th", { scope: "row", class: "strong" }, row.trunk));
  if (me.role === "operator" && row.every !== null) node.button = h("button", { type: "button", "aria-label": `Drill ${row.trunk}`, onclick: () => ask(row.trunk, node.button, refresh) }, "Drill");
  node.act = me.role === "operator" ? h("td", { class: "act" }, node.button) : null;
  return node;
}

function fillTrunk(node, row) {
  const text = JSON.stringify(row);
  if (node.text === text) return;
  node.text = text;
  const cells = evidence(row, "");
  if (row.every === null) swap(cells[2], "No test number. Write one for it in the dialplan: ", h("code", {}, 'deep: {number: "+15550199"}'), " or ", h("code", {}, "deep: {user: echo}"));
  swap(node, node.firstChild, h("td", {}, row.every === null ? null : stateOf(row)), cells, node.act);
}

function ask(trunk, button, refresh) {
  confirmThat(`Call ${trunk} now?`, "A real call to its test number, hung up once it is answered. Health takes its outcome as that of any test call.", "Drill", async () => {
    button.disabled = true;
    put(button, "Calling");
    try {
      const done = await post(`v1/trunks/${encodeURIComponent(trunk)}/drill`);
      for (const call of done.calls) note(`${call.trunk} ${call.passed ? "passed" : "failed"}: ${call.what}.`, !call.passed);
    } catch (error) { note(`${trunk} was not called: ${error.message}.`, true); }
    button.disabled = false;
    put(button, "Drill");
    setTimeout(refresh, 400);
  });
}
