// One dialog, and short notes at the lower edge.
import { h, swap } from "./dom.js";

const dialog = document.getElementById("dialog");
const toasts = document.getElementById("toasts");

export function openDialog(title, body, actions = []) {
  const close = h("button", { type: "button", class: actions.length ? "" : "main", onclick: () => dialog.close() }, actions.length ? "Cancel" : "Close");
  swap(dialog, h("h2", { id: "dialog-title" }, title), body, h("div", { class: "actions" }, close, ...actions));
  dialog.showModal();
  return () => dialog.close();
}

// Ask before something is done.
export function confirmThat(title, text, verb, act) {
  const go = h("button", { type: "button", class: "main", onclick: async () => { dialog.close(); await act(); } }, verb);
  openDialog(title, h("p", {}, text), [go]);
  go.focus();
}

export function note(text, bad = false) {
  const node = h("p", { class: bad ? "toast bad" : "toast" }, text);
  toasts.append(node);
  setTimeout(() => node.remove(), 6000);
}
