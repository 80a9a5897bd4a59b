// Who held what on that day, and all that has happened.

import { duty } from "../api.js";
import { field, h, replace, table } from "../dom.js";
import { personSelect, postSelect, timeInput } from "../forms.js";
import { nameOf, postTitle } from "../people.js";
import { advice } from "../refusals.js";
import { go } from "../router.js";
import { fromField, iso, now, parse, setNow, showFull } from "../time.js";
import { has, t } from "../words.js";
import { age } from "../holders.js";

export const title = () => t("tab.history");

const ROWS = 50;

export async function load({ at, post, person }) {
  const [present, holders, events] = await Promise.all([
    duty("ListHolders"),
    at ? duty("ListHolders", { At: iso(fromField(at)) }) : null,
    duty("ListHistory", { PostId: post, PersonId: person, MaxResults: ROWS }),
  ]);
  setNow(present.At);
  return { holders: (holders ?? present).Holders, events: events.Happenings, token: events.NextToken };
}

export function draw(root, { holders, events, token }, params) {
  const at = timeInput(params.at ? fromField(params.at) : now());
  const change = (more) => go("history", { ...params, ...more }, true);
  const look = h("form", { class: "tools" }, field(t("history.day"), at), h("button", { type: "submit", class: "main" }, t("look")));
  look.addEventListener("submit", (event) => {
    event.preventDefault();
    change({ at: at.value });
  });
  const rows = h("div", {});
  root.append(
    h("h2", {}, t("history.holders")), look,
    table(t("history.holders.caption"), holderColumns(), holders),
    h("h2", {}, t("history.events")), filters(params, change), rows);
  more(rows, events, token, params);
}

const holderColumns = () => [
  [t("post"), (row) => postTitle(row.PostId)],
  [t("person"), (row) => nameOf(row.PersonId)],
  [t("capacity"), (row) => (!row.PersonId ? t(row.Needed ? "gap" : "off") : row.Capacity === "acting" ? age(row.AgeDays) : t("capacity.substantive"))],
  [t("history.since"), (row) => (row.Since ? showFull(parse(row.Since)) : "")],
];

function filters(params, change) {
  const post = postSelect({ chosen: params.post ?? "", none: t("posts.all") });
  const person = personSelect({ chosen: params.person ?? "", none: t("people.all") });
  post.dataset.key = "post";
  person.dataset.key = "person";
  post.addEventListener("change", () => change({ post: post.value }));
  person.addEventListener("change", () => change({ person: person.value }));
  return h("div", { class: "tools" }, field(t("post"), post), field(t("person"), person));
}

function more(root, events, token, params) {
  if (!events.length && !root.children.length) root.append(h("p", { class: "quiet" }, t("history.none")));
  root.append(h("ol", { class: "story" }, events.map(line)));
  if (!token) return;
  const button = h("button", {}, t("history.older"));
  const problem = h("div", { role: "alert" });
  button.addEventListener("click", async () => {
    try {
      const older = await duty("ListHistory", { PostId: params.post, PersonId: params.person, MaxResults: ROWS, NextToken: token });
      button.remove();
      more(root, older.Happenings, older.NextToken, params);
    } catch (refusal) {
      replace(problem, advice(refusal));
    }
  });
  root.append(button, problem);
}

function line(event) {
  const what = has(`happened.${event.What}`) ? t(`happened.${event.What}`) : event.What;
  const about = [event.PostId && postTitle(event.PostId), event.PersonId && nameOf(event.PersonId)].filter(Boolean).join(" · ");
  const by = event.By ? event.By.split("/").at(-1) : "";
  return h("li", {}, h("strong", {}, what), about ? ` ${about}` : "", event.Text ? h("p", {}, event.Text) : null,
    h("p", { class: "small quiet" }, showFull(parse(event.At)), by ? ` · ${t("by", { who: by })}` : ""));
}
