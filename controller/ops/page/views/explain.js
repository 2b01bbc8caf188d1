export function draw(root) { root.append("…"); }
