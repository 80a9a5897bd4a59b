// The frame of the page: who signed in, the list, the conversation, what is beside it; and what is told from elsewhere.

import { signedIn, signOut } from "./api.js";
import { summary } from "./bubbles.js";
import * as chats from "./chats.js";
import { connect, disconnect } from "./connection.js";
import { h, option, replace, say } from "./dom.js";
import { advice } from "./refusals.js";
import { address, place } from "./router.js";
import { chatView } from "./views/chat.js";
import { showDoor } from "./views/door.js";
import { listView, nameOf } from "./views/list.js";
import { drawSide, members } from "./views/side.js";
import { language, setLanguage, t } from "./words.js";

const HEARD = 20;
const DRAWN_MS = 50;
const AGAIN_MS = 3000;

const main = document.getElementById("main");
const parts = {};
let isIn = false;
let isOpen = false;
let list = null;
let chat = null;
// What is shown, or about to be.
let shown = { id: "", side: "" };
// What was, the last time that it was there whole. No conversation (null) while one takes another's place.
let whole = { id: "", side: "" };
let turn = 0;
let drawing = false;
let again = null;

function header() {
  const languages = h("select", { "aria-label": t("language"), onchange: (event) => changeLanguage(event.target.value) },
    option("en", "English", language()), option("zh", "中文", language()));
  const status = h("span", { class: isOpen ? "badge good" : "badge warn", role: "status" }, isOpen ? t("online") : t("offline"));
  const own = isIn ? [status, h("a", { class: "who", href: address({ side: `person:${chats.me().id}` }) }, chats.me().name), h("button", { type: "button", onclick: leave }, t("sign-out"))] : [];
  replace(document.getElementById("top"), h("div", { class: "bar" },
    h("div", { class: "brand" }, h("img", { src: "/dingtalk/icon.svg", alt: "" }), h("span", {}, t("brand"))), own, languages));
  replace(document.getElementById("skip"), t("skip"));
}

function title() {
  const unread = isIn ? chats.unread() : 0;
  const open = shown.id ? chats.conversation(shown.id) : null;
  document.title = `${unread ? `(${unread > 99 ? "99+" : unread}) ` : ""}${open ? `${nameOf(open)} · ` : ""}${t("brand")}`;
  replace(parts.heading, open ? nameOf(open) : t("conversations"));
}

async function changeLanguage(name) {
  setLanguage(name);
  document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
  if (isIn) {
    frame();
    await show(true);
  } else {
    showSigning();
  }
}

async function leave() {
  try {
    await signOut();
    showSigning();
  } catch {
    say(t("refused.Unreachable"));
  }
}

function showSigning() {
  disconnect();
  chat?.leave();
  chat = null;
  isIn = isOpen = false;
  shown = whole = { id: "", side: "" };
  turn++;
  chats.forget();
  document.getElementById("heard").replaceChildren();
  header();
  main.className = "";
  document.title = `${t("sign-in")} · ${t("brand")}`;
  showDoor(main, enter);
}

async function enter() {
  await chats.begin();
  isIn = true;
  await chats.refresh();
  frame();
  // All that happens from the moment of the list on is told, or asked for at once: opened() looks again.
  connect({ frame: chats.take, opened, status, outbox: (id) => changed("outbox", id) });
  await show(true);
}

/** Each time the connection is there (again): what came meanwhile? */
function opened() {
  chats.refresh().catch(() => setTimeout(() => isOpen && opened(), AGAIN_MS));
}

function status(isNow) {
  isOpen = isNow;
  if (isIn) header();
}

function frame() {
  header();
  parts.list = h("nav", { id: "list", "aria-label": t("conversations") });
  parts.chat = h("section", { id: "chat", "aria-label": t("conversation") });
  parts.side = h("aside", { id: "side", "aria-label": t("side") });
  // Of the whole page: what is seen of it depends on the width.
  parts.heading = h("h1", { class: "unseen" });
  main.className = "chats";
  replace(main, parts.heading, parts.list, parts.chat, parts.side);
  list = listView(parts.list);
}

/** Shows what the address says. */
async function show(isFirst = false) {
  if (!isIn) return;
  const mine = ++turn;
  const wanted = place();
  const before = whole;
  shown = wanted;
  main.dataset.place = wanted.side ? "side" : wanted.id ? "chat" : "list";
  list.draw(wanted.id);
  parts.side.hidden = !wanted.side;
  if (isFirst || wanted.id !== before.id) {
    chat?.leave();
    chat = null;
    // Should another address come before it is there, this one was never shown.
    whole = { ...before, id: null };
    if (wanted.id) {
      const made = await chatView(parts.chat, wanted.id, () => place().side, () => mine === turn);
      if (mine !== turn) return;
      chat = made;
    } else {
      replace(parts.chat, h("p", { class: "quiet choose" }, t("choose")));
    }
  }
  chat?.head();
  const side = wanted.side ? await drawSide(parts.side, wanted.id, wanted.side) : (replace(parts.side), null);
  if (mine !== turn) return;
  whole = wanted;
  title();
  if (!isFirst) focus(wanted, before, side);
  main.dataset.shown = location.hash || "#/";
}

function focus(wanted, before, side) {
  if (side && wanted.side !== before.side) side.focus();
  else if (wanted.id && wanted.id !== before.id) (matchMedia("(pointer: fine)").matches ? document.getElementById("composer") : chat?.heading)?.focus();
  else if (!wanted.id) parts.list.querySelector(`[data-key="${CSS.escape(before.id)}"]`)?.focus();
  else if (before.side) chat?.heading.focus();
}

function changed(what, id, more) {
  if (!isIn) return;
  if (what === "list") drawSoon();
  else if (what === "heard") heard(id, more);
  if (what === "one") unhear(id, more);
  if (id === shown.id) {
    // One that is on its way says so itself.
    if (what === "gone" && chat) show(true);
    chat?.changed(what, more);
    if (what === "detail" && shown.side === "people") {
      const detail = chats.conversation(id)?.detail;
      const body = parts.side.querySelector(":scope > div:last-child");
      if (detail && body) replace(body, members(id, detail));
    }
  }
}

/** Once in a while, however much happens; in a hidden page, too: its title counts. */
function drawSoon() {
  if (drawing) return;
  drawing = true;
  setTimeout(() => {
    drawing = false;
    if (!isIn) return;
    list.draw(shown.id);
    title();
  }, DRAWN_MS);
}

/** For who does not see it: what was said by whom, and where, if not here. */
function heard(id, message) {
  const found = chats.conversation(id);
  if (!found || chats.isMine(message) || (found.muted && id !== shown.id)) return;
  const words = { name: message.sender.name, text: summary(message), where: nameOf(found) };
  const region = document.getElementById("heard");
  region.append(h("p", { "data-heard": `${id} ${message.sequence}` }, id === shown.id ? t("heard.here", words) : t("heard.there", words)));
  while (region.children.length > HEARD) region.firstChild.remove();
}

/** It was taken back, or is another. */
function unhear(id, sequence) {
  document.querySelector(`[data-heard="${CSS.escape(`${id} ${sequence}`)}"]`)?.remove();
}

addEventListener("signed-out", () => isIn && showSigning());
addEventListener("hashchange", () => show());
chats.onChange(changed);

async function begin() {
  clearTimeout(again);
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  header();
  try {
    const told = await signedIn();
    if (told.signed_in) await enter();
    else showSigning();
  } catch (refusal) {
    replace(main, h("h1", { tabindex: "-1" }, t("brand")), advice(refusal), h("div", { class: "buttons" }, h("button", { type: "button", onclick: begin }, t("try-again"))));
    again = setTimeout(begin, AGAIN_MS);
  }
}

begin();
