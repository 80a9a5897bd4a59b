// Pages: whom the cloud calls, what has happened since, and who has it in hand.

import { duty } from "../api.js";
import * as changes from "../changes.js";
import { h } from "../dom.js";
import { nameOf, postTitle } from "../people.js";
import { address, again } from "../router.js";
import { parse, showFull, showHour, showTime } from "../time.js";
import { has, t } from "../words.js";

export const title = ({ id }) => (id ? t("page.one") : t("tab.pages"));
export const every = 5000;

export async function load({ id }) {
  if (id) return { page: (await duty("GetPage", { PageId: id })).Page };
  return { pages: (await duty("ListPages", { MaxResults: 100 })).Pages };
}

export function draw(root, { page, pages }, { id }) {
  if (id) {
    root.append(h("p", {}, h("a", { href: address("pages") }, t("page.all"))), one(page));
    return;
  }
  root.append(h("div", { class: "buttons" }, h("button", { class: "main", "data-key": "page", onclick: () => changes.callPage() }, t("page.new"))));
  const open = pages.filter((each) => each.State !== "resolved");
  const over = pages.filter((each) => each.State === "resolved");
  root.append(h("h2", {}, t("pages.open")), open.length ? h("div", { class: "cards" }, open.map(card)) : h("p", { class: "quiet" }, t("pages.none")));
  if (over.length) root.append(h("h2", {}, t("pages.over")), h("div", { class: "cards" }, over.map(card)));
}

function card(page) {
  return h("article", { class: "card" },
    h("h3", {}, h("a", { href: address("pages", { id: page.PageId }) }, page.Title)),
    h("p", {}, badges(page)), h("p", { class: "small quiet" }, `${postTitle(page.PostId)} · ${showTime(parse(page.CreatedAt))}`),
    h("div", { class: "buttons" }, buttons(page).slice(0, 2)));
}

function badges(page) {
  const kind = { open: "bad", exhausted: "bad", silenced: "warn", acknowledged: "warn", resolved: "good" }[page.State];
  return [h("span", { class: `badge ${kind}` }, t(`page.state.${page.State}`)), " ", h("span", { class: "badge plain" }, t(`severity.${page.Severity}`))];
}

function buttons(page) {
  if (page.State === "resolved") return [];
  const button = (name, act, main) => h("button", { class: main ? "main" : null, "data-key": `${name}-${page.PageId}`, onclick: () => act(page) }, t(name));
  return [
    page.State === "acknowledged" ? null : button("ack", changes.acknowledge, true),
    button("resolve", changes.resolvePage), button("reassign", changes.reassign), button("silence", changes.silence),
  ].filter(Boolean);
}

function one(page) {
  const facts = [];
  if (page.AcknowledgedBy) facts.push(t("page.acknowledged", { person: nameOf(page.AcknowledgedBy), at: showHour(parse(page.AcknowledgedAt)) }));
  if (page.AssignedTo) facts.push(t("page.assigned", { person: nameOf(page.AssignedTo) }));
  if (page.NextAt && page.State === "open") facts.push(t("page.next", { at: showHour(parse(page.NextAt)) }));
  return h("div", {},
    h("h2", {}, page.Title), h("p", {}, badges(page)),
    h("p", {}, h("a", { href: address("post", { id: page.PostId }) }, postTitle(page.PostId)), ` · ${showFull(parse(page.CreatedAt))}`),
    page.Text.split("\n").map((line) => h("p", {}, line)),
    facts.map((fact) => h("p", { class: "quiet" }, fact)),
    h("div", { class: "buttons" }, buttons(page), h("button", { "data-key": "again", onclick: again }, t("look-again"))),
    h("h2", {}, t("page.story")),
    h("ol", { class: "story" }, page.Story.map((entry) =>
      h("li", {}, h("strong", {}, has(`story.${entry.What}`) ? t(`story.${entry.What}`) : entry.What),
        entry.PersonId ? ` ${nameOf(entry.PersonId)}` : "",
        h("span", { class: "small quiet" }, ` ${showTime(parse(entry.At))}`), entry.Text ? h("p", { class: "small" }, entry.Text) : null))));
}
