// Chains: for each, the numbers that lead to it and the path that a call would take now.
import { get } from "../api.js";
import { h, keyed, put, swap } from "../dom.js";
import { plural, span } from "../format.js";
import { ofKind } from "../store.js";

const ORDERS = { priority: "by priority, equals drawn by weight for each call", cost: "the cheapest first", best: "the best first" };
const MODES = { sequential: "one after the other", parallel: "all at once", hybrid: "staggered" };

export function draw(root, { on, onClose }) {
  const filter = h("input", { type: "search", "data-filter": "", "aria-label": "Filter chains", placeholder: "number, chain, trunk", spellcheck: "false", autocomplete: "off" });
  const list = h("div", { class: "chains-list" }), outward = h("div", { class: "chains-list" }), title = h("h2", { hidden: true }, "Calls outward, from your own PBXs");
  const nothing = h("p", { class: "plain" }, "Asking for the chains.");
  root.append(h("p", { class: "muted" }, "Found by the very functions that route calls, with trunks and hours as they are now."), h("div", { class: "filters" }, filter), nothing, list, title, outward);
  let chains = [], asking = false, again = false, closed = false;
  onClose(() => { closed = true; clearInterval(timer); });

  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = chains.filter((chain) => words.every((word) => JSON.stringify(chain).toLowerCase().includes(word)));
    nothing.hidden = found.length > 0;
    put(nothing, chains.length ? "No chain fits the filter." : "No calls come in by this dialplan.");
    const parts = [[list, found.filter((chain) => !chain.outbound)], [outward, found.filter((chain) => chain.outbound)]];
    for (const [node, some] of parts) keyed(node, some, (chain) => chain.chain, () => h("section", { class: "panel chain" }), fill);
    title.hidden = !parts[1][1].length;
  };
  const refresh = async () => {
    if (asking) { again = true; return; }
    asking = true;
    try { chains = (await get("v1/chains")).chains; if (!closed) show(); } catch (error) { put(nothing, `Not known: ${error.message}.`); }
    asking = false;
    if (again && !closed) { again = false; refresh(); }
  };
  filter.addEventListener("input", show);
  const timer = setInterval(refresh, 30000); // hours open and close
  let known = "";
  on(() => { // asked again when a trunk is another way, not for each figure
    const states = ofKind("trunk").map((row) => `${row.name} ${row.state} ${row.gate}`).join();
    if (states !== known) { known = states; refresh(); }
  });
  refresh();
}

function fill(node, chain) {
  const text = JSON.stringify(chain);
  if (node.text === text) return;
  node.text = text;
  const first = chain.order[0];
  const tried = new Map(chain.order.map((path, index) => [path, index + 1]));
  swap(node,
    h("div", { class: "chain-head" }, h("h2", {}, chain.chain),
      h("p", { class: "now" }, first ? ["A call now goes to ", h("strong", {}, chain.outbound ? first.split(" via ").pop() : first)] : h("strong", { class: "bad" }, `Nobody is rung: ${chain.refused || "no way is left"}, the caller gets ${chain.status}`))),
    h("p", { class: "dids" }, chain.dids.slice(0, 12).map((did) => (/^[+\d]/.test(did) && !did.includes("…") ? h("a", { href: `#/explain/${encodeURIComponent(did)}` }, did) : h("span", {}, did))),
      chain.count > 12 ? h("span", { class: "muted" }, `and ${plural(chain.count - 12, "more number", "more numbers")}`) : null),
    h("ol", { class: "stages" }, chain.stages.map((stage) => stageOf(stage, tried, chain.outbound))),
    h("p", { class: "muted" }, chain.panic ? "Nothing is known to be alive, so all is tried. " : "",
      chain.outbound ? "" : chain.live_after === null ? "Nobody who always answers is left. " : `Somebody who always answers is rung after ${span(chain.live_after)} at the worst. `,
      chain.outbound ? `If no way leads there, whoever dialled hears so after ${span(chain.over_after)} at the worst.` : `If nobody answers, the caller hears so after ${span(chain.over_after)}.`,
      Object.entries(chain.hours).map(([name, word]) => ` Hours ${name}: ${word}.`)));
}

function stageOf(stage, tried, outbound) {
  return h("li", { class: stage.skipped ? "stage skipped" : "stage" },
    h("h3", {}, `Stage ${stage.number}`, h("span", { class: "muted" }, ` ${stage.targets.length > 1 ? `${MODES[stage.mode]}, ` : ""}${span(stage.ring)}`)),
    ORDERS[stage.order] && stage.targets.some((target) => target.ways.length > 1) ? h("p", { class: "muted" }, `Ways ${ORDERS[stage.order]}`) : null,
    stage.skipped ? h("p", { class: "muted" }, `Left out: ${stage.skipped}`) : null,
    stage.waits.length ? h("p", { class: "muted" }, `Only after: ${stage.waits.join(", ")}`) : null,
    stage.targets.map((target) => h("div", { class: "target" },
      h("p", { class: "strong" }, outbound ? "Whoever was dialled" : target.endpoint, target.live ? h("span", { class: "tag" }, "always answers") : null),
      h("ul", {}, target.ways.map((way) => {
        const place = tried.get(way.path);
        const trunk = way.path.split(" via ").pop();
        const state = way.skipped ? "off" : place === 1 ? "first" : "";
        return h("li", { class: `way ${state}` }, h("span", { class: "place", "aria-hidden": "true" }, place || "–"),
          h("span", {}, `via ${trunk}`, h("span", { class: "visually-hidden" }, place ? `, try ${place}` : ", not tried"),
            way.skipped || way.demoted ? h("small", { class: "below" }, way.skipped || `behind the others: ${way.demoted}`) : null));
      })))));
}
