// The messenger's Markdown as elements: headings, quotes, lists, bold, italic, links, images, coloured words, and code.
// What it does not know is text. No markup is ever parsed by the browser.

import { h } from "./dom.js";
import { link } from "./links.js";

const NESTED = 6;
const INLINE = new RegExp(
  [
    /`([^`\n]{1,2000})`/,
    /!\[([^\]\n]{0,300})\]\(([^()\s]{1,2000})\)/,
    /\[([^\]\n]{1,500})\]\(([^()\s]{1,2000})\)/,
    /\*\*(?=\S)([^\n]{1,2000}?)\*\*/,
    /(?<![\w*])[*_](?=[^\s*_])([^*_\n]{1,2000})[*_](?![\w*])/,
    /<font\s{1,5}color\s{0,5}=\s{0,5}["']?([#\w]{1,20})["']?\s{0,5}>([^<]{0,2000})<\/font>/,
    // Not from within a run of spaces, which would be looked at once for each of them.
    /(<br\s?\/?>|(?<! ) {2,}\n)/,
    /(https?:\/\/[^\s<>"'()\u3000-\u303f\uff00-\uffef]{1,2000})/,
  ].map((each) => each.source).join("|"), "g");

const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/s;

/** Elements of a whole message. `inside.words(text)` makes nodes of what is only text, `inside.image(url, name)` an image. */
export function markdown(text, inside) {
  return blocks(String(text).replace(/\r\n?/g, "\n").split("\n"), inside, 0);
}

function blocks(lines, inside, depth) {
  const made = [];
  for (let at = 0; at < lines.length;) {
    const line = lines[at];
    const taken = depth < NESTED ? fence(lines, at) ?? heading(lines, at, inside) ?? quote(lines, at, inside, depth) ?? list(lines, at, inside, depth) : null;
    if (taken) {
      made.push(taken.element);
      at = taken.next;
    } else if (!line.trim()) {
      at++;
    } else {
      const begun = at++;
      while (at < lines.length && lines[at].trim() && (depth >= NESTED || !begins(lines[at]))) at++;
      made.push(h("p", {}, inline(lines.slice(begun, at).join("\n"), inside)));
    }
  }
  return made;
}

const begins = (line) => /^\s{0,3}(#{1,6}\s|>|```)/.test(line) || ITEM.test(line);

function fence(lines, at) {
  if (!lines[at].startsWith("```")) return null;
  let end = at + 1;
  while (end < lines.length && !lines[end].startsWith("```")) end++;
  return { element: h("pre", { tabindex: "0" }, h("code", {}, lines.slice(at + 1, end).join("\n"))), next: end + 1 };
}

function heading(lines, at, inside) {
  const found = /^\s{0,3}(#{1,6})\s(.*)$/s.exec(lines[at]);
  if (!found) return null;
  const words = found[2].trim().replace(/(?<!#)#+$/, "").trimEnd();
  // Not headings of the page: whoever goes from one to the next would be led through everybody's messages.
  return { element: h("p", { class: `heading level-${found[1].length}` }, inline(words, inside)), next: at + 1 };
}

function quote(lines, at, inside, depth) {
  if (!/^\s{0,3}>/.test(lines[at])) return null;
  let end = at;
  while (end < lines.length && /^\s{0,3}>/.test(lines[end])) end++;
  const inner = lines.slice(at, end).map((line) => line.replace(/^\s{0,3}> ?/, ""));
  return { element: h("blockquote", {}, blocks(inner, inside, depth + 1)), next: end };
}

function list(lines, at, inside, depth) {
  const first = ITEM.exec(lines[at]);
  if (!first) return null;
  const indent = first[1].length;
  const ordered = /\d/.test(first[2]);
  const items = [];
  let end = at;
  while (end < lines.length) {
    const item = ITEM.exec(lines[end]);
    if (item && item[1].length <= indent + 1) {
      if (/\d/.test(item[2]) !== ordered) break;
      items.push([item[3]]);
    } else if (lines[end].trim() && /^\s{2,}/.test(lines[end])) {
      items.at(-1).push(lines[end].slice(Math.min(indent + 2, lines[end].search(/\S/))));
    } else break;
    end++;
  }
  const entries = items.map(([head, ...rest]) => h("li", {}, inline(head, inside), rest.length ? blocks(rest, inside, depth + 1) : null));
  return { element: h(ordered ? "ol" : "ul", ordered ? { start: parseInt(first[2], 10) } : {}, entries), next: end };
}

function inline(text, inside, depth = 0) {
  if (depth >= NESTED) return inside.words(text);
  const made = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index > from) made.push(...inside.words(text.slice(from, found.index)));
    made.push(element(found, inside, depth));
    from = found.index + found[0].length;
  }
  if (from < text.length) made.push(...inside.words(text.slice(from)));
  return made;
}

function element(found, inside, depth) {
  const [whole, code, alt, source, label, url, bold, italic, colour, coloured, , address] = found;
  if (code !== undefined) return h("code", {}, code);
  if (source !== undefined) return inside.image(source, alt);
  if (url !== undefined) return link(label, url);
  if (bold !== undefined) return h("strong", {}, inline(bold, inside, depth + 1));
  if (italic !== undefined) return h("em", {}, inline(italic, inside, depth + 1));
  if (colour !== undefined) return h("span", { class: tone(colour) }, inline(coloured, inside, depth + 1));
  if (address !== undefined) return link(address, address);
  return whole.startsWith("<") || whole.endsWith("\n") ? h("br") : whole;
}

const NAMED = {
  red: "#ff0000", crimson: "#dc143c", tomato: "#ff6347", orange: "#ffa500", yellow: "#ffff00", gold: "#ffd700", green: "#008000",
  lime: "#00ff00", blue: "#0000ff", info: "#008000", warning: "#ffa500", comment: "#808080", danger: "#ff0000", error: "#ff0000",
};

/** Colours that can be read on every ground: one of the page's own, the nearest to what was asked for. */
function tone(colour) {
  const hex = NAMED[colour.toLowerCase()] ?? colour;
  const digits = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(hex)?.[1];
  if (!digits) return "tone";
  const [red, green, blue] = (digits.length === 3 ? [...digits].map((each) => each + each) : digits.match(/../g)).map((each) => parseInt(each, 16));
  const most = Math.max(red, green, blue);
  const range = most - Math.min(red, green, blue);
  if (range < 40) return "tone quiet";
  if (most === blue) return "tone accent";
  if (most === green && green - red > 30) return "tone good";
  return green > 0.45 * red ? "tone warn" : "tone bad";
}
