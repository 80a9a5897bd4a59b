// One post: who holds it and how, what is planned, what the last holder left for the next.

import { duty, lastHappening } from "../api.js";
import * as changes from "../changes.js";
import { h, table } from "../dom.js";
import { badges, facts } from "../holders.js";
import { nameOf, post, postTitle, titleOf } from "../people.js";
import { address } from "../router.js";
import { DAY, iso, now, parse, showTime } from "../time.js";
import { t } from "../words.js";

export const title = ({ id }) => (post(id) ? postTitle(id) : t("post"));
export const every = 30000;
export const probe = lastHappening;

export async function load({ id }) {
  const [holder, tenures, notes, schedule] = await Promise.all([
    duty("GetHolder", { PostId: id }),
    duty("ListTenures", { PostId: id, MaxResults: 50 }),
    duty("ListHandOverNotes", { PostId: id, MaxResults: 20 }),
    duty("GetSchedule", { PostId: id, From: iso(now()), To: iso(now() + 28 * DAY) }),
  ]);
  return { holder: holder.Holder, tenures: tenures.Tenures, notes: notes.Notes, segments: schedule.Segments };
}

export function draw(root, { holder, tenures, notes, segments }, { id }) {
  const acts = holder.Capacity === "acting";
  const button = (key, act) => h("button", { "data-key": key, onclick: () => act(id) }, t(key));
  const found = post(id);
  root.append(
    h("div", { class: "card" },
      h("p", { class: "holder" }, nameOf(holder.PersonId)), h("p", {}, badges(holder)), facts(holder),
      found.role ? h("p", { class: "small quiet" }, t("role", { role: found.role })) : null,
      found.manager ? h("p", { class: "small quiet" }, t("manager", { post: postTitle(found.manager) })) : null),
    h("p", {}),
    h("div", { class: "buttons" },
      button("take-over", changes.takeOver), button("call", changes.callPage), button("note.leave", changes.leaveNote),
      button("override", changes.createOverride), button("acting.appoint", changes.appointActing),
      acts ? button("extend", changes.extendActing) : null,
      button("appoint", changes.appointHolder), button("resign", changes.resign)),
    h("h2", {}, t("notes")), drawNotes(notes),
    h("h2", {}, t("post.coming")), h("p", {}, h("a", { href: address("rota", { post: id }) }, t("post.rota"))),
    segments.length ? table(t("post.coming.caption"), segmentColumns(), segments.slice(0, 30)) : h("p", {}, t("nothing-planned")),
    h("h2", {}, t("tenures")),
    tenures.length ? table(t("tenures.caption", { post: titleOf(found) }), tenureColumns(), tenures) : h("p", {}, t("tenures.none")));
}

function drawNotes(notes) {
  if (!notes.length) return h("p", { class: "quiet" }, t("notes.none"));
  return h("ul", { class: "story" }, notes.map((note) =>
    h("li", {}, h("p", { class: "small quiet" }, `${nameOf(note.PersonId)} · ${showTime(parse(note.At))}`),
      note.Text.split("\n").map((line) => h("p", {}, line)))));
}

const when = (text) => (text ? showTime(parse(text)) : "");

const segmentColumns = () => [
  [t("from"), (row) => when(row.From)],
  [t("until"), (row) => when(row.To)],
  [t("person"), (row) => (row.PersonId ? nameOf(row.PersonId) : h("span", { class: "badge bad" }, t("gap")))],
  [t("capacity"), (row) => (row.Capacity ? t(`capacity.${row.Capacity}`) : "")],
];

const tenureColumns = () => [
  [t("person"), (row) => nameOf(row.PersonId)],
  [t("capacity"), (row) => `${t(`capacity.${row.Capacity}`)} · ${t(`why.${row.Why}`)}`],
  [t("from"), (row) => when(row.From)],
  [t("until"), (row) => (row.Until ? when(row.Until) : t("acting.open"))],
  [t("reason"), (row) => [row.Reason, row.PassedOver.map((line) => h("p", { class: "small quiet" }, line))]],
  [t("change"), (row) => (row.Until && parse(row.Until) <= now() ? "" : h("button", { onclick: () => changes.endTenure(row) }, t("end-now")))],
];
