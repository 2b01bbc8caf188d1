// Small plots of the last hour: stacked bars by the minute, or a line.
import { attr, h, svg, put } from "./dom.js";
import { moment } from "./format.js";

const WIDTH = 600, HEIGHT = 120; // units: the marks are drawn as wide as there is room, their labels stand beside them as text

function frame(title, classes) {
  const marks = svg("g", {});
  const top = h("span", { class: "axis top" }), from = h("span", {}), to = h("span", {});
  const image = svg("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, marks);
  const node = h("figure", { class: "panel" }, h("figcaption", {}, h("span", { class: "strong" }, title), classes.map(([name, word]) => h("span", { class: `legend ${name}` }, word))), h("div", { class: "drawn" }, top, image), h("div", { class: "axis" }, from, to));
  Object.assign(node, { marks, top, from, to, image });
  return node;
}

function label(node, most, until, told) {
  put(node.top, most);
  put(node.from, moment(until - 3600).replace(/:\d\d$/, ""));
  put(node.to, moment(until).replace(/:\d\d$/, ""));
  attr(node.image, "aria-label", told);
}

// ``classes``: [class, word] from below to above; ``rows``: one list of counts a minute.
export function stacked(title, classes) {
  const node = frame(title, classes);
  node.show = (rows, until) => {
    const most = Math.max(1, ...rows.map((row) => row.reduce((sum, value) => sum + value, 0)));
    const step = WIDTH / rows.length;
    let index = 0;
    rows.forEach((row, minute) => {
      let below = HEIGHT;
      row.forEach((value, kind) => {
        const height = (value / most) * (HEIGHT - 14);
        below -= height;
        let bar = node.marks.children[index++];
        if (!bar) { bar = svg("rect", { class: classes[kind][0], x: minute * step + 1, width: step - 2 }); node.marks.append(bar); }
        attr(bar, "y", below.toFixed(1));
        attr(bar, "height", height.toFixed(1));
      });
    });
    const sums = classes.map(([, word], kind) => `${rows.reduce((sum, row) => sum + row[kind], 0)} ${word}`);
    label(node, `${most} a minute`, until, `${title}, last hour: ${sums.join(", ")}`);
  };
  return node;
}

// One value a minute, null for none.
export function line(title, write) {
  const node = frame(title, []);
  const path = svg("path", { class: "line" });
  const dots = svg("path", { class: "dots" });
  node.marks.append(path, dots);
  node.show = (values, until) => {
    const most = Math.max(0, ...values.filter((value) => value !== null)) || 1;
    const step = WIDTH / values.length;
    let drawn = "", dotted = "", pen = false;
    values.forEach((value, minute) => {
      if (value === null) { pen = false; return; }
      const [x, y] = [(minute + 0.5) * step, HEIGHT - (value / most) * (HEIGHT - 14)].map((each) => each.toFixed(1));
      drawn += `${pen ? "L" : "M"}${x} ${y}`;
      dotted += `M${x} ${y}h0`;
      pen = true;
    });
    attr(path, "d", drawn);
    attr(dots, "d", dotted);
    label(node, write(most), until, `${title}, last hour by the minute, at most ${write(most)}`);
  };
  return node;
}
