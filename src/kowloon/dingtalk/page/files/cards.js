// Cards: what they show lives on, and their buttons ask the application back.

import { change, look } from "./api.js";
import { me } from "./chats.js";
import { h, replace, say } from "./dom.js";
import { link, target } from "./links.js";
import { markdown } from "./markdown.js";
import { told } from "./refusals.js";
import { has, t } from "./words.js";

const LEVELS = { info: "plain", good: "good", warning: "warn", critical: "bad" };
const MOST_KEPT = 500;
// By track: as I saw it last.
const views = new Map();
// What draws a card that is on the page, by its element.
const drawn = new WeakMap();

/** The card of that track, drawn once it is known and whenever it is different. */
export function card(message, track, inside, post) {
  const root = h("div", { class: "living", "data-track": track }, h("p", { class: "lines" }, message.title || message.text));
  drawn.set(root, (view) => draw(root, track, view, inside, post));
  if (views.has(track)) draw(root, track, views.get(track), inside, post);
  else fetchCard(track);
  return root;
}

async function fetchCard(track) {
  try {
    keep(track, await look("cards", track));
  } catch (refusal) {
    // The text that it had is shown.
    if (refusal.status !== 404) console.info(told(refusal));
  }
}

function keep(track, view) {
  views.delete(track);
  views.set(track, view);
  if (views.size > MOST_KEPT) views.delete(views.keys().next().value);
  for (const root of document.querySelectorAll(`[data-track="${CSS.escape(track)}"]`)) drawn.get(root)?.(view);
}

/** Told by the cloud; what only I see is not in it. */
export function cardChanged({ out_track_id: track, data, private: people }) {
  if (people.includes(me().id)) fetchCard(track);
  else keep(track, data);
}

/** What is known may be old when the connection was away. */
export function cardsAgain() {
  for (const root of document.querySelectorAll("[data-track]")) fetchCard(root.dataset.track);
}

export function forgetCards() {
  views.clear();
}

function draw(root, track, view, inside, post) {
  const key = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const status = view.status ? h("span", { class: `badge ${LEVELS[view.level] ?? "plain"}` }, has(`status.${view.status}`) ? t(`status.${view.status}`) : view.status) : null;
  replace(root,
    view.title || status ? h("p", { class: "heading level-4" }, view.title, " ", status) : null,
    markdown(view.markdown, inside),
    view.fields.length ? h("dl", {}, view.fields.map(([label, value]) => [h("dt", {}, label), h("dd", {}, value)])) : null,
    view.images.map((each) => h("p", {}, inside.image(each, ""))),
    view.tips ? h("p", { class: "small quiet" }, view.tips) : null,
    view.buttons.length ? h("div", { class: "buttons" }, view.buttons.map((each) => button(root, track, each, post))) : null);
  if (key) root.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

function button(root, track, { id, text, url, color, action }, post) {
  const tone = color === "red" ? " bad" : color === "blue" ? " main" : "";
  // Left out where it is the one that most have.
  if ((action ?? "open") === "request") {
    return h("button", { type: "button", class: `button${tone}`, "data-key": id, onclick: (event) => click(event.currentTarget, track, id) }, text);
  }
  const found = target(url);
  if (found?.href) return link(text, url, { class: `button${tone}` });
  return h("button", { type: "button", class: `button${tone}`, disabled: !found?.say || !post, onclick: () => post(found.say) }, text);
}

async function click(pressed, track, action) {
  pressed.disabled = true;
  try {
    keep(track, await change({ action }, "cards", track, "click"));
  } catch (refusal) {
    say(told(refusal));
  } finally {
    pressed.disabled = false;
  }
}
