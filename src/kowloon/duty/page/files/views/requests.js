// Absences, and what people ask of each other: swaps and turns that somebody else is to take.

import { duty, lastHappening } from "../api.js";
import * as changes from "../changes.js";
import { h, table } from "../dom.js";
import { me, nameOf, postTitle } from "../people.js";
import { now, parse, showTime } from "../time.js";
import { t } from "../words.js";
import { ofTurn } from "./rota.js";

export const title = () => t("requests.title");
export const every = 20000;
export const probe = lastHappening;

export async function load() {
  const [requests, absences, turns] = await Promise.all([
    duty("ListRequests", { MaxResults: 100 }),
    duty("ListAbsences", { MaxResults: 500 }),
    me() ? changes.turnsOf({ person: me(), days: 60 }) : [],
  ]);
  return { requests: requests.Requests, absences: absences.Absences, turns };
}

export function draw(root, { requests, absences, turns }) {
  const open = requests.filter((request) => request.State === "open");
  const over = requests.filter((request) => request.State !== "open").slice(0, 20);
  const coming = absences.filter((absence) => !absence.To || parse(absence.To) > now());
  root.append(h("h2", {}, t("requests.open")));
  root.append(open.length ? h("div", { class: "cards" }, open.map(card)) : h("p", { class: "quiet" }, t("requests.none")));
  if (me()) {
    root.append(h("h2", {}, t("turns.mine")));
    root.append(turns.length ? h("div", { class: "cards" }, turns.slice(0, 6).map(turnCard)) : h("p", { class: "quiet" }, t("turns.none")));
  }
  root.append(h("h2", {}, t("absences")),
    h("div", { class: "buttons" },
      h("button", { class: "main", "data-key": "away", onclick: changes.beAway }, t("away.title")),
      h("button", { "data-key": "import", onclick: changes.importAbsences }, t("calendar.import"))),
    coming.length ? table(t("absences.caption"), absenceColumns(), coming) : h("p", { class: "quiet" }, t("absences.none")));
  if (over.length) root.append(h("h2", {}, t("requests.over")), table(t("requests.over.caption"), overColumns(), over));
}

function turnCard(turn) {
  return h("article", { class: "card" }, h("h3", {}, postTitle(turn.PostId)),
    h("p", {}, `${showTime(parse(turn.From))} – ${showTime(parse(turn.To))}`), h("div", { class: "buttons" }, ofTurn(turn)));
}

function card(request) {
  const mine = request.PersonId === me();
  const asked = request.Asked.includes(me()) && !request.Declined.includes(me());
  const buttons = [];
  if (asked) {
    buttons.push(h("button", { class: "main", onclick: () => changes.answerRequest(request, true) }, t("agree")));
    buttons.push(h("button", { onclick: () => changes.answerRequest(request, false) }, t("decline")));
  }
  // Somebody who decides for others answers for the one who was asked last.
  const last = request.Asked.at(-1);
  if (!me() && last) buttons.push(h("button", { onclick: () => changes.answerRequest(request, true, last) }, t("agree.for", { person: nameOf(last) })));
  if (mine || !me()) buttons.push(h("button", { class: "bad", onclick: () => changes.withdrawRequest(request) }, t("withdraw")));
  return h("article", { class: "card" },
    h("h3", {}, t(`request.${request.Kind}`)),
    h("p", {}, t("request.line", { person: nameOf(request.PersonId), post: postTitle(request.PostId), shift: shiftText(request.ShiftId) })),
    request.OtherShiftId ? h("p", {}, t("request.for", { shift: shiftText(request.OtherShiftId) })) : null,
    request.Note ? h("p", {}, request.Note) : null,
    h("p", { class: "small quiet" }, t("request.asked", { people: request.Asked.map(nameOf).join(", ") })),
    request.Declined.length ? h("p", { class: "small quiet" }, t("request.declined", { people: request.Declined.map(nameOf).join(", ") })) : null,
    h("p", { class: "small quiet" }, t("request.until", { at: showTime(parse(request.ExpiresAt)) })),
    h("div", { class: "buttons" }, buttons));
}

/** A shift's id ends with its beginning on its post's clock: `<post>/<layer>/20260105T0900`. */
function shiftText(id) {
  const found = /\/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)Z?$/.exec(id);
  return found ? `${found[1]}-${found[2]}-${found[3]} ${found[4]}:${found[5]}` : id;
}

const absenceColumns = () => [
  [t("person"), (row) => nameOf(row.PersonId)],
  [t("from"), (row) => showTime(parse(row.From))],
  [t("until"), (row) => (row.To ? showTime(parse(row.To)) : t("away.open"))],
  [t("note"), (row) => row.Note],
  [t("change"), (row) => h("button", { onclick: () => changes.comeBack(row) }, t(parse(row.From) <= now() ? "back" : "delete"))],
];

const overColumns = () => [
  [t("request"), (row) => t(`request.${row.Kind}`)],
  [t("person"), (row) => nameOf(row.PersonId)],
  [t("post"), (row) => `${postTitle(row.PostId)}, ${shiftText(row.ShiftId)}`],
  [t("state"), (row) => t(`request.state.${row.State}`)],
  [t("request.taken"), (row) => (row.TakenBy ? nameOf(row.TakenBy) : "")],
];
