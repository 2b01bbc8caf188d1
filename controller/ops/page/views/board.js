// The board: every trunk and provider as it is now, why, and how its last hour was.
import { post } from "../api.js";
import { h, put, attr, keyed } from "../dom.js";
import { confirmThat, note } from "../dialog.js";
import { NONE, count, percent, setSince, since, span } from "../format.js";
import { WORDS, badge, bars, setBadge, setBars } from "../state.js";
import { head, ofKind } from "../store.js";

const TRUNK = ["Trunk", "State", "Last hour", "Round trip", "Loss", "Calls, last hour", "Why", ""];
const PROVIDER = ["Provider", "State", "Last hour", "Arrive", "Waiting", "Seen", "Why", ""];
const MANY = 12; // rows that need no filter
const BAD = { down: 0, degraded: 1, suspect: 2, drained: 3, unknown: 4, up: 5 };

export function draw(root, { me, on }) {
  const tiles = h("dl", { class: "tiles" });
  const alarm = h("div", { class: "alarms" });
  const groups = h("div", { class: "groups" });
  const filter = h("input", { type: "search", "data-filter": "", "aria-label": "Filter trunks and providers", placeholder: "name, carrier, site, state", spellcheck: "false", autocomplete: "off" });
  const filters = h("div", { class: "filters", hidden: true }, filter);
  const empty = h("p", { class: "plain" });
  root.append(tiles, alarm, filters, empty, groups);

  const update = () => {
    const trunks = ofKind("trunk"), providers = ofKind("provider"), now = head();
    drawTiles(tiles, trunks, providers, now);
    drawAlarms(alarm, now);
    filters.hidden = trunks.length + providers.length <= MANY && !filter.value;
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (row) => words.every((word) => [row.name, row.group, row.address, row.channel, row.carrier && `carrier ${row.carrier}`, row.site && `site ${row.site}`, WORDS[row.state], row.why].some((each) => each && each.toLowerCase().includes(word)));
    const parts = [["Trunks", TRUNK, byDomain(trunks.filter(fits)), setTrunk], ["Providers", PROVIDER, byChannel(providers.filter(fits)), setProvider]];
    empty.hidden = parts.some(([, , found]) => found.length);
    put(empty, trunks.length + providers.length ? "No trunk or provider fits the filter." : "Waiting for the daemon to say how it is.");
    keyed(groups, parts.filter(([, , found]) => found.length), ([title]) => title, ([title, heads]) => makeTable(title, heads), (node, [title, heads, found, set]) => {
      attr(node, "class", now && now.silent.includes(title === "Trunks" ? "calls" : "messages") ? "group stale" : "group");
      keyed(node.table, found, (group) => group.key, () => makeGroup(heads.length), (body, group) => {
        put(body.heading, group.title);
        put(body.of, `${group.rows.filter((row) => row.state === "up").length} of ${group.rows.length} up`);
        keyed(body, group.rows, (row) => row.name, () => makeRow(me), set);
      });
    });
  };
  filter.addEventListener("input", update);
  on(({ rows }) => { if (rows.length) update(); });
  update();
}

// By site for PBXs, by carrier for carriers: what fails together stands together, trouble first.
function byDomain(trunks) {
  return group(trunks, (row) => (row.site ? `Site ${row.site}` : row.carrier ? `Carrier ${row.carrier}` : "Without site or carrier"));
}

const CHANNELS = { sms: "SMS", rcs: "RCS", whatsapp: "WhatsApp", viber: "Viber", email: "Mail", voice: "Voice", sip: "SIP" };
const byChannel = (providers) => group([...providers].sort((a, b) => a.channel.localeCompare(b.channel) || a.name.localeCompare(b.name)), () => "Providers of messages");

function group(rows, titleOf) {
  const found = new Map();
  for (const row of rows) {
    const key = titleOf(row);
    if (!found.has(key)) found.set(key, { key, title: key, rows: [] });
    found.get(key).rows.push(row);
  }
  const trouble = (each) => (each.rows.some((row) => row.state === "down") ? 0 : 1);
  return [...found.values()].sort((a, b) => trouble(a) - trouble(b) || a.key.localeCompare(b.key));
}

const known = (value) => (value === null ? NONE : count(value));

function drawTiles(node, trunks, providers, now) {
  const up = (rows) => rows.filter((row) => row.state === "up").length;
  const down = (rows) => rows.filter((row) => row.state === "down").length;
  const won = trunks.reduce((sum, row) => sum + row.won, 0);
  const tiles = [["Trunks up", `${up(trunks)} of ${trunks.length}`, down(trunks) ? "down" : ""],
    ["Being set up", now ? known(now.ringing) : NONE, ""], ["Calls up", now ? known(now.up) : NONE, ""], ["Answered, last hour", count(won), ""]];
  if (now && now.messages) tiles.push(["Providers up", `${up(providers)} of ${providers.length}`, down(providers) ? "down" : ""], ["Messages sent", count(now.sent), ""]);
  keyed(node, tiles, ([name]) => name, ([name]) => h("div", {}, h("dt", {}, name), h("dd", {})), (tile, [, value, state]) => {
    put(tile.lastChild, value);
    attr(tile, "class", state || null);
  });
}

function drawAlarms(node, now) {
  const told = [];
  if (now) {
    if (now.uplink) told.push(`All trunks fell at once, so health is ignored: ${now.uplink}`);
    if (now.silent.includes("calls")) told.push("The process for calls does not answer. Trunks are shown as they were when it last did.");
    if (now.silent.includes("messages")) told.push("The process for messages does not answer. Providers are shown as they were when it last did.");
    if (now.store_lost) told.push(`The store of messages does not answer: ${now.store_lost}`);
    for (const row of now.registrations) if (!row.bound) told.push(`${row.trunk} is not registered: ${row.why}`);
    for (const row of now.stale_names) told.push(`${row.name} was not looked up anew, what is known stays in use: ${row.why}`);
  }
  keyed(node, told, (text) => text, (text) => h("p", { class: "alarm" }, text));
}

function makeTable(title, heads) {
  const table = h("table", { class: "board-table", role: "table", "aria-label": title },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads.map((text) => h("th", { role: "columnheader", scope: "col" }, text || h("span", { class: "visually-hidden" }, "Do"))))));
  const node = h("section", { class: "group" }, table);
  node.table = table;
  return node;
}

function makeGroup(width) {
  const body = h("tbody", { role: "rowgroup" });
  body.heading = h("span", {});
  body.of = h("span", { class: "of muted" });
  body.append(h("tr", { role: "row", class: "group-head" }, h("th", { role: "rowheader", scope: "rowgroup", colspan: width }, body.heading, body.of)));
  return body;
}

function makeRow(me) {
  const cells = {
    name: h("th", { role: "rowheader", scope: "row" }, h("span", { class: "name" }), h("span", { class: "muted address" })),
    state: h("td", { role: "cell", class: "state" }, badge(), since(0)),
    bars: h("td", { role: "cell", class: "hour" }, bars()),
    a: h("td", { role: "cell", class: "figure" }), b: h("td", { role: "cell", class: "figure" }), c: h("td", { role: "cell", class: "figure" }),
    why: h("td", { role: "cell", class: "why" }),
    act: h("td", { role: "cell", class: "act" }),
  };
  const node = h("tr", { role: "row", "data-row": "", tabindex: "-1" }, Object.values(cells));
  node.cells_ = cells;
  if (me.role === "operator") cells.act.append(h("button", { type: "button", onclick: () => drain(node.row) }));
  return node;
}

function setShared(node, row, name, below) {
  const { cells_: cells } = node;
  node.row = row;
  attr(node, "class", row.state);
  attr(node, "data-name", name);
  put(cells.name.firstChild, name);
  put(cells.name.lastChild, below);
  setBadge(cells.state.firstChild, row.state);
  setSince(cells.state.lastChild, row.since);
  setBars(cells.bars.firstChild, row.bars);
}

function figure(cell, label, value, title) {
  attr(cell, "data-label", label);
  put(cell, value);
  attr(cell, "title", title || null);
}

function setTrunk(node, row) {
  const { cells_: cells } = node;
  setShared(node, row, row.name, row.address);
  figure(cells.a, "Round trip", span(row.rtt));
  figure(cells.b, "Loss", percent(row.loss));
  const limit = row.limits && row.limits.most ? `, ${row.limits.calls} of ${row.limits.most} lines taken` : "";
  figure(cells.c, "Calls", row.share === null ? NONE : `${count(row.won)} (${percent(row.share)})`,
    row.answered === null || row.answered === undefined ? null : `${percent(row.answered)} of its calls are answered${row.rings_after === null ? "" : `, it rings after ${span(row.rings_after)}`}${limit}`);
  put(cells.why, [...new Set(row.state === "degraded" ? [row.gate_why, row.why] : [row.why, row.gate_why])].filter(Boolean).join("; ") || NONE);
  const button = cells.act.firstChild;
  if (button) {
    put(button, row.gate === "parked" ? "Undrain" : "Drain");
    attr(button, "aria-label", `${button.textContent} ${row.group || row.name}`);
  }
}

function setProvider(node, row) {
  const { cells_: cells } = node;
  setShared(node, row, row.provider, CHANNELS[row.channel] || row.channel);
  figure(cells.a, "Arrive", percent(row.arrive));
  figure(cells.b, "Waiting", row.waiting ? count(row.waiting) : NONE);
  figure(cells.c, "Seen", row.samples ? count(row.samples) : NONE);
  put(cells.why, row.why || NONE);
  if (cells.act.firstChild) cells.act.replaceChildren();
}

function drain(row) {
  const name = row.group || row.name;
  const verb = row.gate === "parked" ? "Undrain" : "Drain";
  const text = verb === "Drain" ? "New calls take another way wherever one leads; calls that are up finish." : "Its calls come back in steps.";
  confirmThat(`${verb} ${name}?`, text, verb, async () => {
    try {
      const done = await post(`v1/trunks/${encodeURIComponent(name)}/${verb.toLowerCase()}`);
      note(done.changed ? `${name} is ${verb.toLowerCase()}ed.` : `${name} was ${verb.toLowerCase()}ed already.`);
    } catch (error) {
      note(`${name} is not ${verb.toLowerCase()}ed: ${error.message}.`, true);
    }
  });
}
