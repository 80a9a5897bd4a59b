// The rota as a picture over days, weeks, months and years; the same as a table; what can be done with a turn.

import { duty, lastHappening } from "../api.js";
import * as changes from "../changes.js";
import { h, replace, table } from "../dom.js";
import { personSelect, postSelect } from "../forms.js";
import { age } from "../holders.js";
import { me, nameOf, organisation, postTitle } from "../people.js";
import { telling } from "../refusals.js";
import { address, go } from "../router.js";
import * as time from "../time.js";
import { key, legend, timeline, words, ZOOMS } from "../timeline.js";
import { t } from "../words.js";

const MOST_IN_LEGEND = 24;
const DAY_S = /^\d{4}-\d\d-\d\d/;

export const title = () => t("tab.rota");
export const every = 60000;
export const probe = lastHappening;

function horizon({ zoom, at }) {
  const name = zoom in ZOOMS ? zoom : "month";
  const from = ZOOMS[name].start(DAY_S.test(at ?? "") ? time.fromField(at) : time.now());
  return { name, from, to: ZOOMS[name].next(from, 1) };
}

export async function load(params) {
  const holders = await duty("ListHolders");
  time.setNow(holders.At);
  const { name, from, to } = horizon(params);
  const parameters = { From: time.iso(from), To: time.iso(to), PostId: params.post };
  const [schedule, turns] = await Promise.all([
    duty("GetSchedule", parameters),
    duty("ListTurns", { ...parameters, MaxResults: 5000 }),
  ]);
  const acting = holders.Holders.filter((holder) => holder.Capacity === "acting");
  return { name, from, to, segments: schedule.Segments, turns: turns.Turns, ages: acting.map((holder) => [holder.TenureId, age(holder.AgeDays)]) };
}

export function draw(root, { name, from, to, segments, turns, ages: told }, params) {
  const ages = new Map(told);
  const rows = organisation().posts.map((post) => post.id).filter((id) => !params.post || id === params.post);
  const details = h("div", { "aria-live": "polite" });
  const holder = h("div", { class: "picture" });
  // What readers hear is on the bars themselves.
  const hint = h("p", { class: "hint", "aria-hidden": "true" }, t("rota.hint"));
  const pointed = (segment) => replace(hint, words(segment, ages));
  const choose = (segment) => {
    holder.querySelector(".chosen")?.classList.remove("chosen");
    holder.querySelector(`[data-key="${CSS.escape(key(segment))}"]`)?.classList.add("chosen");
    replace(details, about(segment, turns, ages));
  };
  const paint = () => {
    const width = Math.max(Math.floor(holder.clientWidth), 280);
    replace(holder, timeline({ segments, rows, from, to, zoom: name, width, person: params.person, chosen: choose, pointed, ages }));
  };
  root.append(tools(params, name, from, to), holder, hint, details);
  const people = [...new Set(segments.map((segment) => segment.PersonId).filter(Boolean))];
  root.append(legend(people.length <= MOST_IN_LEGEND ? people : []));
  root.append(asTable(segments, params));
  // Its width is known once it is on the page.
  new ResizeObserver(() => {
    const drawn = holder.querySelector("svg")?.viewBox.baseVal.width;
    if (holder.clientWidth && drawn !== Math.max(Math.floor(holder.clientWidth), 280)) paint();
  }).observe(holder);
}

function tools(params, name, from, to) {
  const to_ = (more) => go("rota", { ...params, zoom: name, at: time.dayForField(from), ...more }, true);
  const step = (n) => to_({ at: time.dayForField(ZOOMS[name].next(from, n)) });
  const zooms = Object.keys(ZOOMS).map((zoom) =>
    h("button", { "aria-pressed": String(zoom === name), "data-key": `zoom-${zoom}`, onclick: () => to_({ zoom, at: middle(from, to) }) }, t(`zoom.${zoom}`)));
  const post = postSelect({ chosen: params.post ?? "", none: t("posts.all") });
  const person = personSelect({ chosen: params.person ?? "", none: t("people.all") });
  post.setAttribute("aria-label", t("post"));
  person.setAttribute("aria-label", t("person"));
  post.dataset.key = "post";
  person.dataset.key = "person";
  post.addEventListener("change", () => to_({ post: post.value }));
  person.addEventListener("change", () => to_({ person: person.value }));
  return h("div", {},
    h("div", { class: "tools" },
      h("div", { class: "together", role: "group", "aria-label": t("zoom") }, zooms),
      h("div", { class: "together" },
        h("button", { "data-key": "earlier", "aria-label": t("earlier"), onclick: () => step(-1) }, "‹"),
        h("button", { "data-key": "today", onclick: () => to_({ at: time.dayForField(time.now()) }) }, t("today")),
        h("button", { "data-key": "later", "aria-label": t("later"), onclick: () => step(1) }, "›")),
      h("div", { class: "field" }, post), h("div", { class: "field" }, person)),
    h("h2", {}, ZOOMS[name].label(from, to)));
}

/** Today, where it is in sight; else the middle of what is shown. */
function middle(from, to) {
  const present = time.now();
  return time.dayForField(present >= from && present < to ? present : (from + to) / 2);
}

function about(segment, turns, ages) {
  const turn = turns.find((each) => each.ShiftId === segment.ShiftId);
  const coming = turn && time.parse(turn.From) > time.now();
  const buttons = [h("a", { href: address("post", { id: segment.PostId }) }, t("post.open"))];
  const present = time.parse(segment.From) <= time.now() && time.now() < time.parse(segment.To);
  if (present) buttons.push(h("button", { onclick: () => changes.takeOver(segment.PostId) }, t("take-over")));
  if (coming) buttons.push(...ofTurn(turn));
  const told = [h("p", {}, h("strong", {}, words(segment, ages)))];
  if (segment.InsteadOf) told.push(h("p", {}, t("acting.for", { person: nameOf(segment.InsteadOf) })));
  if (turn && turn.Planned !== turn.PersonId) told.push(h("p", {}, t("planned-for", { person: nameOf(turn.Planned) })));
  return h("div", { class: "told" }, told, h("div", { class: "buttons" }, buttons));
}

export function ofTurn(turn) {
  const found = [];
  const mine = turn.PersonId === me();
  if (mine || !me()) {
    found.push(h("button", { onclick: () => changes.askEveryone(turn) }, t("cover.title")));
    found.push(h("button", { onclick: () => telling(swapFor(turn)) }, t("swap.title")));
  } else {
    found.push(h("button", { onclick: () => telling(offer(turn)) }, t("swap.offer")));
  }
  found.push(h("button", { onclick: () => changes.giveTurn(turn) }, t("give.title")));
  return found;
}

async function swapFor(turn) {
  return changes.askSwap([turn], await changes.turnsOf({ but: turn.PersonId, post: turn.PostId }));
}

async function offer(turn) {
  return changes.askSwap(await changes.turnsOf({ person: me() }), [turn]);
}

function asTable(segments, params) {
  const shown = params.person ? segments.filter((segment) => segment.PersonId === params.person) : segments;
  const columns = [
    [t("post"), (row) => postTitle(row.PostId)],
    [t("from"), (row) => time.showTime(time.parse(row.From))],
    [t("until"), (row) => time.showTime(time.parse(row.To))],
    [t("person"), (row) => (row.PersonId ? nameOf(row.PersonId) : t("gap"))],
    [t("capacity"), (row) => (row.Capacity ? t(`capacity.${row.Capacity}`) : "")],
  ];
  const body = h("div", {});
  const open = () => body.children.length || replace(body, table(t("rota.caption"), columns, shown));
  // A year has thousands of rows, which most people never look at.
  return h("details", { ontoggle: open }, h("summary", {}, t("as-table", { n: shown.length })), body);
}
