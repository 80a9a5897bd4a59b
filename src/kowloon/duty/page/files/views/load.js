// How the load is shared in a time: hours, nights, weekends, holidays; beside what would be fair; to keep as CSV and iCalendar.

import { duty } from "../api.js";
import { download, field, h, option, svg } from "../dom.js";
import { dayInput, personSelect, postSelect } from "../forms.js";
import { nameOf } from "../people.js";
import { telling } from "../refusals.js";
import { go } from "../router.js";
import * as time from "../time.js";
import { number, t } from "../words.js";

export const title = () => t("tab.load");

const KINDS = ["Hours", "Nights", "Weekends", "Holidays"];
const PERIODS = {
  month: () => [time.startOfMonth(time.now()), time.startOfMonth(time.now(), 1)],
  "next-month": () => [time.startOfMonth(time.now(), 1), time.startOfMonth(time.now(), 2)],
  quarter: () => [time.startOfMonth(time.now()), time.startOfMonth(time.now(), 3)],
  year: () => [time.startOfYear(time.now()), time.startOfYear(time.now(), 1)],
  "past-year": () => [time.addDays(time.startOfDay(time.now()), -365), time.startOfDay(time.now())],
};

function horizon({ period, from, to }) {
  const since = time.fromField(from ?? "");
  const until = time.fromField(to ?? "");
  if (since !== null && until !== null) return [since, time.addDays(until, 1)];
  return (PERIODS[period] ?? PERIODS.quarter)();
}

export async function load(params) {
  const [from, to] = horizon(params);
  return duty("GetBalance", { From: time.iso(from), To: time.iso(to), PostId: params.post });
}

export function draw(root, balance, params) {
  const people = balance.People.filter((person) => person.Turns || person.FairHours);
  root.append(tools(params, people));
  const total = people.reduce((sum, person) => sum + person.Turns, 0);
  if (!total) {
    root.append(h("p", {}, t("load.none")));
    return;
  }
  root.append(h("p", { class: "quiet" }, t("load.fair")));
  for (const kind of KINDS) root.append(chart(kind, people));
}

function chart(kind, people) {
  const total = people.reduce((sum, person) => sum + person[kind], 0);
  const fair = (person) => person[`Fair${kind}`];
  const most = Math.max(...people.map((person) => Math.max(person[kind], fair(person))), 1);
  const sorted = [...people].sort((one, other) => other[kind] - one[kind] || one.Name.localeCompare(other.Name));
  const farthest = Math.max(...people.map((person) => Math.abs(person[kind] - fair(person))));
  const rows = sorted.map((person) => {
    const text = t("load.row", { n: number(person[kind], 1), fair: number(fair(person), 1) });
    return [
      h("div", { role: "rowheader" }, nameOf(person.PersonId)),
      h("div", { role: "cell" }, bar(person[kind], fair(person), most, text)),
      h("div", { role: "cell", class: "amount" }, number(person[kind], 1)),
    ];
  });
  return h("section", {},
    h("h2", {}, t(`load.${kind}`)),
    h("p", { class: "small quiet" }, t("load.sum", { total: number(total, 1), off: number(farthest, 1) })),
    h("div", { class: "load", role: "table", "aria-label": t(`load.${kind}`) },
      rows.map((cells) => h("div", { role: "row", class: "load-row" }, cells))));
}

function bar(amount, fair, most, text) {
  const x = (value) => `${(100 * value) / most}%`;
  return svg("svg", { role: "img", "aria-label": text },
    svg("title", {}, text),
    svg("rect", { class: amount > fair * 1.1 ? "over" : "is", x: 0, y: "15%", width: x(amount), height: "70%", rx: 2 }),
    svg("line", { class: "fair", x1: x(fair), x2: x(fair), y1: 0, y2: "100%" }));
}

function tools(params, people) {
  const [from, to] = horizon(params);
  const set = (more) => go("load", { ...params, ...more }, true);
  const chosen = params.from && params.to ? "own" : params.period in PERIODS ? params.period : "quarter";
  const period = h("select", { "data-key": "period" },
    [...Object.keys(PERIODS), "own"].map((name) => option(name, t(`period.${name}`), chosen)));
  const start = dayInput(from);
  const end = dayInput(to - 1);
  period.addEventListener("change", () =>
    set(period.value === "own" ? { from: start.value, to: end.value } : { period: period.value, from: "", to: "" }));
  for (const input of [start, end]) {
    input.addEventListener("change", () => start.value && end.value && set({ from: start.value, to: end.value }));
  }
  const post = postSelect({ chosen: params.post ?? "", none: t("posts.all") });
  post.dataset.key = "post";
  post.addEventListener("change", () => set({ post: post.value }));
  const person = personSelect({ chosen: "", none: t("people.all") });
  return h("div", {},
    h("div", { class: "tools" }, field(t("period"), period), field(t("from"), start), field(t("to"), end), field(t("post"), post)),
    h("div", { class: "tools" },
      h("button", { onclick: () => download(fileName("load", from, to, "csv"), "text/csv", csv(people)) }, t("export.csv")),
      field(t("calendar.of"), person),
      h("button", { onclick: () => telling(calendar(from, to, post.value, person.value)) }, t("export.calendar"))));
}

function fileName(what, from, to, ending) {
  return `duty-${what}-${time.dayForField(from)}-${time.dayForField(to - 1)}.${ending}`;
}

/** Spreadsheets take what begins with these for a formula; an apostrophe keeps it text. */
function cell(value) {
  const text = typeof value === "number" ? String(value) : /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(people) {
  const head = ["PersonId", "Name", "Share", "Turns", ...KINDS, ...KINDS.map((kind) => `Fair${kind}`)];
  const rows = people.map((person) => head.map((name) => cell(person[name])));
  // The mark at the beginning tells spreadsheets that names are in UTF-8.
  return `\ufeff${[head, ...rows].map((row) => row.join(",")).join("\r\n")}\r\n`;
}

async function calendar(from, to, post, person) {
  const answer = await duty("ExportCalendar", { From: time.iso(from), To: time.iso(to), PostId: post, PersonId: person });
  download(fileName("calendar", from, to, "ics"), "text/calendar", answer.Calendar);
}
