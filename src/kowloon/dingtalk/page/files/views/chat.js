// One conversation: its messages, older ones when one goes up, and where one writes.

import { content } from "../bubbles.js";
import * as chats from "../chats.js";
import { composer, send } from "../composer.js";
import { flush } from "../connection.js";
import { ask } from "../dialog.js";
import { h, replace } from "../dom.js";
import * as outbox from "../outbox.js";
import { advice, telling } from "../refusals.js";
import { address } from "../router.js";
import { dayOf, fullTime, hour, iso, isSameDay } from "../time.js";
import { t } from "../words.js";
import { nameOf } from "./list.js";

// So near the end counts as there.
const NEAR_PX = 60;
// Of one sender within so long, the name stands once.
const TOGETHER_S = 300;
const READ_MS = 400;

/** The conversation in `root`, unless it is not wanted any more when it is there; `changed(what, more)` when it is
 * different, `leave()` at the end. */
export async function chatView(root, id, side, isWanted) {
  const heading = h("h2", { tabindex: "-1" });
  const head = h("div", { class: "head" });
  const list = h("ol", { class: "plain messages" });
  const up = h("button", { type: "button", class: "earlier", hidden: true, onclick: () => telling(goUp()) }, t("earlier"));
  const scroll = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("messages") }, up, list);
  const down = h("button", { type: "button", class: "newer", hidden: true, onclick: () => toEnd() }, t("newer"));
  const known = new Map();
  let firstUnread = 0;
  let reading = null;
  let left = false;
  // At the end, and stays there when what is shown grows: images and cards come later than the message.
  let stays = true;
  const growth = new ResizeObserver(() => stays && toEnd());

  replace(root, h("p", { class: "quiet" }, t("loading")));
  const entered = chats.conversation(id);
  if (entered?.unread) firstUnread = entered.sequence - entered.unread + 1;
  try {
    if (!(await chats.enter(id))) throw new Error("gone");
  } catch (refusal) {
    if (!isWanted()) return null;
    replace(root, h("div", { class: "head" }, h("a", { class: "button back", href: address() }, t("back"))),
      refusal.message === "gone" ? h("p", { class: "quiet" }, t("gone")) : advice(refusal));
    return null;
  }
  if (!isWanted()) return null;
  drawHead();
  replace(root, head, h("div", { class: "around" }, scroll, down), composer(id, () => draw(true)));
  draw(true);
  growth.observe(list);

  function drawHead() {
    const found = chats.conversation(id);
    replace(heading, nameOf(found));
    const mute = h("button", { type: "button", "aria-pressed": String(found.muted), onclick: () => telling(chats.setMuted(id, !found.muted)) }, t("mute"));
    const people = h("a", { class: "button", href: address({ id, side: side() === "people" ? "" : "people" }) }, t("people.count", { n: found.members + found.robots.length }));
    replace(head, h("a", { class: "button back", href: address() }, h("span", { "aria-hidden": "true" }, "‹ "), t("back")), heading, h("div", { class: "buttons" }, people, mute));
  }

  function isAtEnd() {
    return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_PX;
  }

  function toEnd() {
    scroll.scrollTop = scroll.scrollHeight;
    stays = true;
    down.hidden = true;
    read();
  }

  /** What is there already stays as it is: whoever reads or plays it is not disturbed. */
  function draw(isOwn = false) {
    const found = chats.conversation(id);
    if (!found || left) return;
    const atEnd = isOwn || stays;
    if (atEnd && !isOwn) chats.trim(id);
    const rows = [];
    let before = null;
    for (const message of found.messages) {
      if (!before || !isSameDay(before.at, message.at)) rows.push(keyed(`day ${dayOf(message.at)}`, () => h("li", { class: "day" }, dayOf(message.at))));
      if (message.sequence === firstUnread) rows.push(keyed("unread", () => h("li", { class: "day unread" }, t("unread.from"))));
      const follows = before && sameSender(before, message) && message.at - before.at < TOGETHER_S && isSameDay(before.at, message.at);
      rows.push(keyed(`${message.sequence}${follows ? "+" : ""}`, () => row(message, follows)));
      before = message;
    }
    for (const item of outbox.waiting(id)) rows.push(keyed(`${item.unique}${item.failed ?? ""}`, () => waiting(item)));
    arrange(rows);
    up.hidden = !found.hasEarlier;
    if (atEnd) toEnd();
    else down.hidden = false;
    marks();
  }

  function keyed(key, make) {
    if (!known.has(key)) known.set(key, make());
    return known.get(key);
  }

  function arrange(rows) {
    const wanted = new Set(rows);
    for (const [key, element] of known) {
      if (wanted.has(element)) continue;
      element.remove();
      known.delete(key);
    }
    rows.forEach((element, place) => {
      if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
    });
  }

  function row(message, follows) {
    const mine = chats.isMine(message);
    const name = message.sender.type === "member" ? h("a", { class: "sender", href: address({ id, side: `person:${message.sender.id}` }) }, chats.nameIn(id, message.sender.id) === message.sender.id ? message.sender.name : chats.nameIn(id, message.sender.id))
      : h("span", { class: "sender" }, message.sender.name, message.sender.type === "system" ? null : [" ", h("span", { class: "badge plain" }, t("robot"))]);
    const takeBack = mine && !message.recalled ? h("button", { type: "button", class: "quiet-button", onclick: () => recall(message) }, t("recall")) : null;
    return h("li", { class: `message${mine ? " mine" : ""}${follows ? " follows" : ""}`, "data-sequence": message.sequence },
      h("p", { class: follows ? "unseen" : "by" }, name, " ", h("time", { class: "small quiet", datetime: iso(message.at), title: fullTime(message.at) }, hour(message.at))),
      h("div", { class: message.msgtype === "ding" && !message.recalled ? "bubble urgent" : "bubble" }, content(message, say)),
      mine ? h("p", { class: "foot small quiet" }, h("span", { class: "state" }), takeBack) : null);
  }

  function waiting(item) {
    const at = item.at ?? [];
    // A file is named until it stands there.
    const text = item.text ?? item.name;
    const message = { conversation: id, msgtype: "text", text, mentions: at, everyone: at.includes("@all"), sender: { type: "member", id: chats.me().id, name: chats.me().name } };
    const again = () => { outbox.fail(item.unique, ""); draw(true); flush(); };
    const drop = () => { outbox.drop(item.unique); draw(true); };
    return h("li", { class: "message mine waiting" },
      h("div", { class: "bubble" }, content(message, null)),
      h("p", { class: "foot small quiet" }, item.failed
        ? [h("span", { class: "failed" }, t("not-sent", { why: item.failed })), h("button", { type: "button", class: "quiet-button", onclick: again }, t("try-again")), h("button", { type: "button", class: "quiet-button", onclick: drop }, t("delete"))]
        : t("sending")));
  }

  function say(text) {
    send(id, text, new Map(), () => draw(true));
  }

  function recall(message) {
    telling(ask(t("recall.sure"), [], () => chats.recall(id, message), { action: t("recall"), bad: true }));
  }

  /** Under each of my messages: who has read it. */
  function marks() {
    for (const element of list.querySelectorAll(".message.mine[data-sequence] .state")) {
      const found = chats.readers(id, Number(element.closest("[data-sequence]").dataset.sequence));
      if (!found || !found.of.length) continue;
      const alone = chats.conversation(id)?.form === "single";
      const missing = found.of.length - found.read.length;
      const words = missing ? (alone ? t("state.unread") : t("state.some", { n: missing })) : alone ? t("state.read") : t("state.all");
      if (element.textContent !== words) element.textContent = words;
      element.title = found.read.map((each) => each.name).slice(0, 20).join(t("and"));
    }
  }

  async function goUp() {
    const height = scroll.scrollHeight;
    const top = scroll.scrollTop;
    if (!(await chats.earlier(id))) return;
    draw();
    scroll.scrollTop = top + scroll.scrollHeight - height;
  }

  /** A moment later, and only what somebody looks at. */
  function read() {
    reading ??= setTimeout(() => {
      reading = null;
      if (!left && !document.hidden && isAtEnd()) chats.markRead(id);
    }, READ_MS);
  }

  scroll.addEventListener("scroll", () => {
    stays = isAtEnd();
    if (stays) {
      down.hidden = true;
      read();
    } else if (scroll.scrollTop < NEAR_PX && !up.hidden && !up.disabled) {
      up.disabled = true;
      goUp().catch(() => {}).finally(() => { up.disabled = false; });
    }
  });
  document.addEventListener("visibilitychange", read);
  toEnd();

  return {
    heading,
    head: drawHead,
    changed(what, more) {
      if (what === "messages") draw();
      else if (what === "outbox") draw(true);
      else if (what === "marks") marks();
      else if (what === "detail") drawHead();
      else if (what === "one") {
        for (const key of [`${more}`, `${more}+`]) {
          known.get(key)?.remove();
          known.delete(key);
        }
        draw();
      }
      if (what === "detail") marks();
    },
    leave() {
      left = true;
      growth.disconnect();
      document.removeEventListener("visibilitychange", read);
    },
  };
}

const sameSender = (one, other) => one.sender.type === other.sender.type && one.sender.id === other.sender.id;
