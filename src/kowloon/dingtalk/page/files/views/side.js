// Beside a conversation: who is in it, or who somebody is.

import { look } from "../api.js";
import * as chats from "../chats.js";
import { ask } from "../dialog.js";
import { h, replace } from "../dom.js";
import { advice, telling } from "../refusals.js";
import { address, go } from "../router.js";
import { t } from "../words.js";
import { addMembers } from "./begin.js";
import { initial } from "./list.js";

/** `what`: "people" or "person:<userid>". */
export async function drawSide(root, id, what) {
  const heading = h("h2", { tabindex: "-1" }, what === "people" ? t("people") : t("profile"));
  const close = h("a", { class: "button", href: address({ id }), "aria-label": t("close") }, "✕");
  const body = h("div", {}, h("p", { class: "quiet" }, t("loading")));
  replace(root, h("div", { class: "head" }, heading, close), body);
  try {
    if (what === "people") replace(body, members(id, await chats.loadDetail(id)));
    else replace(body, profile(await look("people", what.slice("person:".length))));
  } catch (refusal) {
    replace(body, advice(refusal));
  }
  return heading;
}

export function members(id, detail) {
  if (!detail) return [];
  const own = chats.me();
  const isGroup = detail.form === "group" && !detail.everyone;
  const leads = isGroup && (detail.owner === own.id || detail.sub_admins.includes(own.id) || own.admin);
  const remove = (each) => sure(t("people.remove.sure", { name: each.name }), t("people.remove"), () => chats.changeMembers(id, { remove: [each.id] }));
  const leave = () => sure(t("people.leave.sure"), t("people.leave"), () => chats.changeMembers(id, { remove: [own.id] }));
  return [
    h("div", { class: "buttons" },
      leads ? h("button", { type: "button", onclick: () => addMembers(id) }, t("people.add")) : null,
      isGroup && detail.owner !== own.id ? h("button", { type: "button", class: "bad", onclick: leave }, t("people.leave")) : null),
    h("ul", { class: "plain people" },
      detail.people.map((each) => h("li", {},
        face(each.name),
        h("div", {},
          h("a", { href: address({ id, side: `person:${each.id}` }) }, chats.nameIn(id, each.id)),
          each.id === detail.owner && isGroup ? [" ", h("span", { class: "badge plain" }, t("owner"))] : null, badges(each.roles), banner(each.banner),
          each.title ? h("p", { class: "small quiet" }, each.title) : null),
        leads && each.id !== detail.owner && each.id !== own.id
          ? h("button", { type: "button", "aria-label": t("people.remove.one", { name: each.name }), onclick: () => remove(each) }, "✕") : null)),
      detail.robots.map((each) => h("li", {}, face("⚙"), h("div", {}, each.name, " ", h("span", { class: "badge plain" }, t("robot")))))),
  ];
}

const sure = (title, action, act) => telling(ask(title, [], act, { action, bad: true }));
const face = (name) => h("span", { class: "face single", "aria-hidden": "true" }, initial(name));

/** Posts of the duty stand out. */
function badges(roles) {
  return (roles ?? []).map((each) => [" ", h("span", { class: each.duty ? "badge good" : "badge plain" }, each.name)]);
}

/** The status that somebody has set, whatever fields it has. */
function banner(set) {
  const words = set?.content ?? set?.text ?? set?.title ?? "";
  return typeof words === "string" && words ? h("p", { class: "small banner" }, words) : null;
}

function profile(person) {
  const facts = [
    [t("profile.title"), person.title], [t("profile.departments"), person.departments.join(t("and"))], [t("profile.mobile"), person.mobile],
    [t("profile.email"), person.email], [t("profile.id"), person.id], [t("profile.user"), person.user],
  ].filter(([, value]) => value);
  const talk = async () => go({ id: await chats.open({ with_person: person.id }) });
  return [
    h("p", { class: "who-is" }, face(person.name), h("strong", {}, person.name), badges(person.roles)),
    banner(person.banner),
    h("dl", {}, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    person.id === chats.me().id ? null : h("div", { class: "buttons" }, h("button", { type: "button", class: "main", onclick: () => telling(talk()) }, t("profile.talk"))),
  ];
}
