// Who is on duty now, and what waits for me.

import { duty, lastHappening, Refusal } from "../api.js";
import * as changes from "../changes.js";
import { h } from "../dom.js";
import { badges, facts, off } from "../holders.js";
import { loadOrganisation, me, nameOf, organisation, post, postTitle, titleOf, unitTitle } from "../people.js";
import { address } from "../router.js";
import { parse, setNow, showTime } from "../time.js";
import { t } from "../words.js";

export const title = () => (organisation() ? organisation().title : t("tab.now"));
export const every = 15000;
export const probe = lastHappening;

/** What somebody may not see is left out, and does not keep the rest away. */
async function ifAllowed(asked) {
  try {
    return await asked;
  } catch (refusal) {
    if (refusal instanceof Refusal && refusal.status === 403) return null;
    throw refusal;
  }
}

export async function load() {
  const holders = await duty("ListHolders");
  setNow(holders.At);
  // Somebody has applied another file since.
  if (holders.Holders.some((holder) => !post(holder.PostId))) await loadOrganisation();
  const [pages, requests, turns] = await Promise.all([
    ifAllowed(duty("ListPages", { MaxResults: 50 })),
    me() ? ifAllowed(duty("ListRequests", { PersonId: me(), State: "open" })) : null,
    me() ? ifAllowed(duty("ListTurns", { PersonId: me(), MaxResults: 3 })) : null,
  ]);
  return { holders: holders.Holders, pages: pages?.Pages ?? null, requests: requests?.Requests ?? [], turns: turns?.Turns ?? [] };
}

export function draw(root, { holders, pages, requests, turns }) {
  const open = (pages ?? []).filter((page) => !["resolved"].includes(page.State));
  root.append(
    waiting(open, requests, turns) ?? "",
    h("div", { class: "buttons" },
      h("button", { class: "main", "data-key": "page", onclick: () => changes.callPage() }, t("page.new")),
      h("button", { "data-key": "away", onclick: changes.beAway }, t("away.title"))),
    h("h2", {}, t("now.holders")),
    h("div", { class: "cards" }, holders.map((holder) => card(holder, open))));
}

function waiting(open, requests, turns) {
  const lines = [];
  for (const page of open.filter((each) => ["open", "exhausted"].includes(each.State))) {
    lines.push([h("span", { class: "badge bad" }, t(`page.state.${page.State}`)), " ",
      h("a", { href: address("pages", { id: page.PageId }) }, page.Title), " ", h("span", { class: "quiet" }, postTitle(page.PostId))]);
  }
  for (const request of requests.filter((each) => each.PersonId !== me() && !each.Declined.includes(me()))) {
    lines.push([h("span", { class: "badge warn" }, t("asked-of-you")), " ",
      h("a", { href: address("requests") }, t("asked.line", { person: nameOf(request.PersonId), post: postTitle(request.PostId) }))]);
  }
  for (const turn of turns) {
    lines.push([h("span", { class: "badge plain" }, t("your-turn")), " ",
      t("turn", { post: postTitle(turn.PostId), from: showTime(parse(turn.From)), to: showTime(parse(turn.To)) })]);
  }
  if (!lines.length) return null;
  return h("section", { "aria-label": t("now.waiting") }, h("ul", { class: "plain" }, lines.map((line) => h("li", {}, line))), h("p", {}));
}

function card(holder, open) {
  const found = post(holder.PostId);
  const calls = open.filter((page) => page.PostId === holder.PostId).length;
  const oversees = found.oversees.map(unitTitle).join(", ");
  return h("article", { class: "card", "aria-labelledby": `post-${holder.PostId}` },
    h("h3", { id: `post-${holder.PostId}` }, h("a", { href: address("post", { id: holder.PostId }) }, titleOf(found))),
    oversees ? h("p", { class: "small quiet" }, t("oversees", { units: oversees })) : null,
    h("p", { class: "holder" }, off(holder) ? "–" : nameOf(holder.PersonId)),
    h("p", {}, badges(holder), calls ? [" ", h("span", { class: "badge bad" }, t("calls", { n: calls }))] : null),
    facts(holder),
    h("div", { class: "buttons" },
      h("button", { "data-key": `take-${holder.PostId}`, onclick: () => changes.takeOver(holder.PostId) }, t("take-over")),
      h("button", { "data-key": `call-${holder.PostId}`, onclick: () => changes.callPage(holder.PostId) }, t("call"))));
}
