// The ladder of a call: a line of life for each who spoke, arrows as in the RFCs, notes beside them.
import { h, svg } from "./dom.js";
import { cause } from "./say.js";

const TIME = 70, ROW = 30, HEAD = 44;

// ``ladder``: columns, and lines that are arrows (from, to) or notes (column), with seconds since the call came.
export function drawLadder(ladder) {
  const { columns, lines } = ladder;
  const COLUMN = innerWidth < 700 ? 128 : 210; // a phone shows three of them at once
  const x = (column) => TIME + COLUMN * (column + 0.35);
  const ends = lines.map((line) => (line.kind === "note" ? x(line.column) + 16 + line.text.length * 6.8 : 0)); // notes have their room
  const width = Math.ceil(Math.max(TIME + COLUMN * columns.length, ...ends)), height = HEAD + ROW * lines.length + 16;
  const marks = [];
  columns.forEach((column, index) => marks.push(
    svg("line", { class: "life", x1: x(index), x2: x(index), y1: HEAD - 6, y2: height - 4 }),
    svg("text", { class: "head", x: x(index), y: 16, "text-anchor": "middle" }, column.name),
    svg("text", { class: "sub", x: x(index), y: 32, "text-anchor": "middle" }, column.address || "")));
  lines.forEach((line, index) => {
    const y = HEAD + ROW * (index + 0.5) + 4;
    marks.push(svg("text", { class: "sub", x: TIME - 14, y: y + 4, "text-anchor": "end" }, `${Math.max(0, line.at).toFixed(3)} s`));
    if (line.kind === "note") {
      const near = x(line.column);
      marks.push(svg("circle", { class: `dot ${line.event || ""}`, cx: near, cy: y, r: 4 }), svg("text", { class: `note ${line.event || ""}`, x: near + 10, y: y + 4 }, line.text));
      return;
    }
    const [from, to] = [x(line.from), x(line.to)], way = Math.sign(to - from) || 1;
    const kind = /^[456]\d\d/.test(line.text) ? "refusal" : /^2\d\d/.test(line.text) ? "success" : /^1\d\d/.test(line.text) ? "progress" : "request";
    marks.push(svg("path", { class: `arrow ${kind}${line.again ? " again" : ""}`, d: `M${from} ${y}H${to - way * 2}M${to - way * 9} ${y - 4.500}L${to - way} ${y}L${to - way * 9} ${y + 4.500}` }),
      svg("text", { class: `said ${kind}`, x: (from + to) / 2, y: y - 5, "text-anchor": "middle" }, `${line.text}${line.sdp ? " (SDP)" : ""}${line.again ? ", again" : ""}`));
  });
  const told = lines.map((line) => `${line.at.toFixed(3)} s: ${line.kind === "note" ? `${columns[line.column].name}: ${line.text}` : `${columns[line.from].name} to ${columns[line.to].name}: ${line.text}`}`);
  return h("section", { class: "panel ladder" }, h("h2", {}, "Ladder"), ladder.source === "wire" ? null : h("p", { class: "muted" }, "No SIP messages of it are kept: drawn from the record of the call."),
    h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Ladder, may be scrolled" }, svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `ladder with ${lines.length} lines; the list below says the same` }, marks)),
    h("details", {}, h("summary", {}, "The same as a list"), h("ol", { class: "steps" }, told.map((text) => h("li", {}, text)))));
}

// A ladder out of the record alone.
export function ofRecord(call) {
  const trunks = [...new Set(call.attempts.map((each) => each.path.split(" via ").pop()))];
  const columns = [{ name: "caller" }, { name: "callward" }, ...trunks.map((name) => ({ name }))];
  const lines = [{ kind: "message", at: 0, from: 0, to: 1, text: "INVITE" }];
  for (const each of call.attempts) {
    const column = 2 + trunks.indexOf(each.path.split(" via ").pop());
    const [who] = each.path.split(" via ");
    lines.push({ kind: "message", at: each.at, from: 1, to: column, text: `INVITE ${who}` });
    const won = each.path === call.winner;
    lines.push({ kind: "note", at: won ? call.seconds : each.ended ?? call.seconds, column, event: won ? "won" : "lost", text: won ? `${who} has the call` : cause(each.cause) });
  }
  lines.push({ kind: "message", at: call.seconds, from: 1, to: 0, text: call.status === 200 ? "200 OK" : String(call.status) });
  return { source: "record", columns, lines: lines.sort((a, b) => a.at - b.at) };
}
