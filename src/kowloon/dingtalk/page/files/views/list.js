// The list of conversations: what was said last, when, and how much of it is unread.

import { summary } from "../bubbles.js";
import * as chats from "../chats.js";
import { h, replace } from "../dom.js";
import { address } from "../router.js";
import { brief, fullTime, iso } from "../time.js";
import { t } from "../words.js";
import { newConversation } from "./begin.js";

/** A list that draws itself into `root`; `draw(id of the one that is open)`. */
export function listView(root) {
  const filter = h("input", { type: "search", "aria-label": t("list.filter"), placeholder: t("list.filter"), oninput: () => draw(current) });
  const rows = h("ul", { class: "plain conversations" });
  let current = "";

  function draw(id) {
    current = id;
    const key = document.activeElement?.dataset?.key;
    const wanted = filter.value.trim().toLowerCase();
    const found = chats.sorted().filter((each) => nameOf(each).toLowerCase().includes(wanted));
    replace(rows, found.length ? found.map(row) : h("li", { class: "quiet none" }, t(wanted ? "list.nothing" : "list.empty")));
    if (key) rows.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }

  function row(each) {
    const at = each.last?.at;
    return h("li", {},
      h("a", { href: address({ id: each.id }), "data-key": each.id, "aria-current": each.id === current ? "page" : null },
        h("span", { class: `face ${each.form}`, "aria-hidden": "true" }, initial(nameOf(each))),
        h("span", { class: "name" }, nameOf(each), each.muted ? h("span", { class: "small quiet" }, ` ${t("muted")}`) : null),
        at ? h("time", { class: "small quiet", datetime: iso(at), title: fullTime(at) }, brief(at)) : null,
        h("span", { class: "last quiet" }, each.last ? lastLine(each) : t("list.nothing-said")),
        each.unread ? h("span", { class: each.muted ? "count muted" : "count" }, each.unread > 99 ? "99+" : String(each.unread), h("span", { class: "unseen" }, ` ${t("unread")}`)) : null));
  }

  replace(root,
    h("div", { class: "tools" }, filter, h("button", { class: "main", type: "button", onclick: () => newConversation() }, t("new"))),
    rows);
  return { draw };
}

export const nameOf = (each) => each.title || t(`form.${each.form}`);
export const initial = (name) => [...name.trim()][0] ?? "?";

function lastLine({ form, last }) {
  const words = summary(last);
  return form === "group" && !last.recalled ? `${chats.isMine(last) ? t("you") : last.sender.name}${t("colon")}${words}` : words;
}
