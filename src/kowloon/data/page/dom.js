// Elements without markup: whatever people typed is only ever text.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...given(children));
  return element;
}

const given = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

/** `h("p", { class: "quiet" }, "text", element)`; what is null or false is left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function replace(element, ...children) {
  element.replaceChildren(...given(children));
}

/** Told to everybody, screen readers too, and gone after a while. */
export function say(text) {
  const told = h("p", {}, text);
  document.getElementById("said").replaceChildren(told);
  setTimeout(() => told.remove(), 6000);
}

/** A file for the user to keep. */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

export function option(value, text, chosen) {
  return h("option", { value, selected: value === chosen }, text);
}

let fields = 0;

/** A labelled control; `hint` is read with it. */
export function field(label, control, hint) {
  const id = `field-${++fields}`;
  control.id = id;
  if (!hint) return h("div", { class: "field" }, h("label", { for: id }, label), control);
  control.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "field" }, h("label", { for: id }, label), control, h("p", { class: "hint", id: `${id}-hint` }, hint));
}

/** Rows as a table that becomes a list on a phone. `columns`: [heading, cell of a row, is it a number]. */
export function table(caption, columns, rows) {
  const head = columns.map(([title, , number]) => h("th", { scope: "col", class: number ? "number" : null }, title));
  const body = rows.map((row) =>
    h("tr", {}, columns.map(([title, cell, number], place) =>
      h(place ? "td" : "th", { class: number ? "number" : null, scope: place ? null : "row", "data-name": title }, cell(row)))));
  return h("div", { class: "wide" },
    h("table", { class: "stack" }, h("caption", {}, caption), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)));
}
