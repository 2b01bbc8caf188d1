// Elements, made and changed in place: nothing is drawn anew that has not changed, so nothing flickers or loses its focus.

const SVG = "http://www.w3.org/2000/svg";

function make(node, attrs, children) {
  for (const [name, value] of Object.entries(attrs)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.setAttribute("class", value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const h = (name, attrs = {}, ...children) => make(document.createElement(name), attrs, children);
export const svg = (name, attrs = {}, ...children) => make(document.createElementNS(SVG, name), attrs, children);

// The text of a node, touched only when it differs.
export function put(node, text) {
  const wanted = text === null || text === undefined ? "" : String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
  return node;
}

export function attr(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// The children of a node as a list says: one for each item by its key, made once, changed in place, in order. What stood
// there before (the head of a table) stays in front of them.
export function keyed(parent, items, keyOf, create, change) {
  if (!parent.byKey) { parent.byKey = new Map(); parent.fixed = parent.lastChild; }
  const there = parent.byKey;
  const wanted = new Set();
  let after = parent.fixed;
  for (const item of items) {
    const key = keyOf(item);
    wanted.add(key);
    let node = there.get(key);
    if (!node) { node = create(item); there.set(key, node); }
    if (change) change(node, item);
    const place = after ? after.nextSibling : parent.firstChild;
    if (place !== node) parent.insertBefore(node, place);
    after = node;
  }
  for (const [key, node] of there) if (!wanted.has(key)) { node.remove(); there.delete(key); }
}

export const swap = (parent, ...children) => parent.replaceChildren(...children.flat().filter(Boolean));

let names = 0;
export const unique = (word) => `${word}-${++names}`;

export function labelled(text, control, hint) {
  control.id = control.id || unique("field");
  return h("div", { class: "field" }, h("label", { for: control.id }, text), control, hint ? h("small", {}, hint) : null);
}
