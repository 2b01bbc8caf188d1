// What the page knows: rows by key and what happened lately, as the daemon streams it. Views listen.
import { setClock } from "./format.js";

const MOST = 1000; // events that are remembered of each kind
export const rows = new Map();
export const events = { call: [], cascade: [], other: [] };
export const link = { state: "connecting" }; // "live", "lost"
const seen = new Set();
const listeners = new Set();
let source = null, heard = 0, refused = null;
const SILENCE = 15000; // milliseconds without a word, not even that it is still there: the server hangs, or the line is cut

export const listen = (hear) => { listeners.add(hear); return () => listeners.delete(hear); };
export const ofKind = (kind) => [...rows.values()].filter((row) => row.kind === kind);
export const head = () => rows.get("head");

function tell(what) { for (const hear of [...listeners]) hear(what); }

function remember(event) {
  if (seen.has(event.id)) return false;
  seen.add(event.id);
  const kept = events[event.kind] || events.other;
  kept.push(event);
  if (kept.length > MOST) seen.delete(kept.shift().id);
  return true;
}

export function connect(onRefused) {
  disconnect();
  refused = onRefused;
  heard = Date.now();
  source = new EventSource("v1/stream");
  for (const kind of ["all", "rows", "event", "beat", "open"]) source.addEventListener(kind, () => { heard = Date.now(); });
  source.addEventListener("all", (message) => {
    const all = JSON.parse(message.data);
    rows.clear();
    for (const [key, row] of Object.entries(all.rows)) rows.set(key, row);
    all.events.forEach(remember);
    if (all.at) setClock(all.at);
    tell({ all: true, rows: [...rows.keys()], events: all.events });
  });
  source.addEventListener("rows", (message) => {
    const changed = JSON.parse(message.data);
    for (const [key, row] of Object.entries(changed)) row === null ? rows.delete(key) : rows.set(key, row);
    tell({ rows: Object.keys(changed), events: [] });
  });
  source.addEventListener("event", (message) => {
    const event = JSON.parse(message.data);
    if (remember(event)) tell({ rows: [], events: [event] });
  });
  source.onopen = () => setLink("live");
  source.onerror = () => {
    setLink("lost");
    if (source && source.readyState === EventSource.CLOSED) { // refused, which EventSource takes for final
      const mine = source;
      setTimeout(() => { if (source === mine) onRefused(); }, 1000);
    }
  };
}

setInterval(() => {
  if (!source || Date.now() - heard < SILENCE) return;
  setLink("lost");
  connect(refused);
}, 1000);

export function disconnect() {
  if (source) source.close();
  source = null;
}

export function forget() {
  rows.clear();
  seen.clear();
  for (const kept of Object.values(events)) kept.length = 0;
}

function setLink(state) {
  if (link.state === state) return;
  link.state = state;
  tell({ rows: [], events: [], link: state });
}
