// Where one writes: Enter sends, Shift and Enter make a new line, @ offers people and robots.

import { upload } from "./api.js";
import * as chats from "./chats.js";
import { flush } from "./connection.js";
import { h, replace, say } from "./dom.js";
import { icon } from "./icons.js";
import * as outbox from "./outbox.js";
import { telling } from "./refusals.js";
import { t } from "./words.js";

const MOST_OFFERED = 8;
const MOST_CHARACTERS = 5000;
const SHOWN = new Set(["image/png", "image/jpeg", "image/gif", "image/bmp"]);
// What was begun in a conversation and not sent.
const drafts = new Map();

/** `said(item)` hears of each message that goes to the outbox. */
export function composer(id, said) {
  const area = h("textarea", {
    id: "composer", rows: "1", maxlength: MOST_CHARACTERS, "aria-label": t("write.label"), placeholder: t("write"), "aria-autocomplete": "list",
    "aria-controls": "offers", value: drafts.get(id)?.text ?? "",
  });
  const offers = h("ul", { id: "offers", role: "listbox", "aria-label": t("mention"), hidden: true });
  const meant = drafts.get(id)?.meant ?? new Map();
  let offered = [];
  let place = 0;

  const keep = () => drafts.set(id, { text: area.value, meant });

  function post() {
    const text = area.value.trim();
    if (!text) return;
    area.value = "";
    send(id, text, meant, said);
    meant.clear();
    drafts.delete(id);
    fit();
  }

  function fit() {
    area.rows = Math.min(8, Math.max(1, area.value.split("\n").length));
  }

  /** The word behind an @ in front of the cursor, or null. */
  function word() {
    const before = area.value.slice(0, area.selectionStart);
    return /(?:^|[\s\p{Script=Han}，。：；！？])@([^\s@]{0,30})$/u.exec(before)?.[1] ?? null;
  }

  function offer() {
    const begun = word();
    offered = begun === null ? [] : candidates(id, begun);
    place = 0;
    draw();
  }

  function draw() {
    offers.hidden = !offered.length;
    replace(offers, offered.map((each, at) =>
      h("li", { id: `offer-${at}`, role: "option", "aria-selected": at === place ? "true" : "false", onmousedown: (event) => { event.preventDefault(); choose(at); } },
        each.label.slice(1), h("span", { class: "small quiet" }, ` ${each.hint}`))));
    if (offered.length) area.setAttribute("aria-activedescendant", `offer-${place}`);
    else area.removeAttribute("aria-activedescendant");
    offers.children[place]?.scrollIntoView({ block: "nearest" });
  }

  function choose(at) {
    const one = offered[at];
    const end = area.selectionStart;
    const start = end - (word() ?? "").length - 1;
    area.setRangeText(`${one.label} `, start, end, "end");
    meant.set(one.label, one);
    offered = [];
    draw();
    keep();
  }

  area.addEventListener("keydown", (event) => {
    // Of letters that are still being put together, Enter is their own.
    if (event.isComposing || event.keyCode === 229) return;
    if (offered.length && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      place = (place + (event.key === "ArrowDown" ? 1 : -1) + offered.length) % offered.length;
      draw();
    } else if (offered.length && ["Enter", "Tab"].includes(event.key)) {
      event.preventDefault();
      choose(place);
    } else if (offered.length && event.key === "Escape") {
      event.preventDefault();
      offered = [];
      draw();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      post();
    }
  });
  area.addEventListener("input", () => {
    fit();
    keep();
    offer();
  });
  area.addEventListener("blur", () => {
    offered = [];
    draw();
  });
  area.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    event.preventDefault();
    attach(id, files, said);
  });
  fit();
  const files = h("input", { type: "file", multiple: true, hidden: true, onchange: () => { attach(id, [...files.files], said); files.value = ""; } });

  return h("form", { class: "composer", onsubmit: (event) => { event.preventDefault(); post(); area.focus(); } },
    offers, files, h("button", { type: "button", "aria-label": t("attach"), title: t("attach"), onclick: () => files.click() }, icon("file")), area,
    h("button", { type: "submit", class: "main", "aria-keyshortcuts": "Enter" }, t("send")));
}

/** One after the other, so that they stand there in that order. */
async function attach(id, files, said) {
  for (const file of files) {
    const kind = SHOWN.has(file.type) ? "image" : "file";
    say(t("uploading", { name: file.name }));
    const kept = await telling(upload(kind, file));
    if (!kept) return;
    said(outbox.put({ conversation: id, msgtype: kind, media: kept.media, name: kept.name }));
    flush();
  }
}

/** Says something; `meant`: what the names behind @ in the text stand for. */
export function send(id, text, meant, said) {
  const at = [];
  let words = text;
  // The longest first: of two names one may begin with the other.
  for (const one of [...meant.values()].sort((a, b) => b.label.length - a.label.length)) {
    if (!words.includes(one.label)) continue;
    at.push(one.id);
    if (one.kind === "person") words = words.replaceAll(one.label, `@${one.id}`);
  }
  const item = outbox.put({ conversation: id, msgtype: "text", text: words, at });
  said(item);
  flush();
}

function candidates(id, begun) {
  const found = chats.conversation(id);
  const people = (found?.detail?.people ?? []).filter((each) => each.id !== chats.me().id)
    .map((each) => ({ kind: "person", id: each.id, label: `@${chats.nameIn(id, each.id)}`, hint: each.title || each.id }));
  const robots = (found?.robots ?? []).map((each) => ({ kind: "robot", id: each.id, label: `@${each.name}`, hint: t("robot") }));
  const everyone = found?.form === "group" ? [{ kind: "everyone", id: "@all", label: `@${t("everyone")}`, hint: "" }] : [];
  const wanted = begun.toLowerCase();
  const fits = (each) => each.label.slice(1).toLowerCase().includes(wanted) || each.id.toLowerCase().startsWith(wanted);
  return [...people, ...robots, ...everyone].filter(fits).slice(0, MOST_OFFERED);
}
