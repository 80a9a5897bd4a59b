// The rota as a picture: posts as rows, people as coloured bars. Bars can be gone through with the arrow keys.

import { h, svg } from "./dom.js";
import { colourOf, nameOf, postTitle } from "./people.js";
import * as time from "./time.js";
import { t } from "./words.js";

const AXIS = 34;
const BAR = 24;
const ROW_WIDE = 32;
const ROW_NARROW = 48;
const NARROW = 640;

/** What the picture is drawn by: where its marks are, and what they are called. */
export const ZOOMS = {
  day: { start: time.startOfDay, next: (at, n) => time.addDays(at, n), marks: hours, label: (at) => time.showDay(at) },
  week: { start: time.startOfWeek, next: (at, n) => time.addDays(at, 7 * n), marks: days, label: range },
  month: { start: (at) => time.startOfMonth(at), next: (at, n) => time.startOfMonth(at, n), marks: days, label: (at) => time.showMonth(at) },
  year: { start: (at) => time.startOfYear(at), next: (at, n) => time.startOfYear(at, n), marks: months, label: (at) => time.showYear(at) },
};

function range(at, to) {
  return `${time.showDayShort(at)} – ${time.showDay(to - time.DAY / 2)}`;
}

function hours(from, to, width) {
  const step = width < NARROW ? 6 : 2;
  const marks = [];
  for (let at = from, hour = 0; at < to; hour += step, at = from + hour * time.HOUR) marks.push([at, time.showHour(at)]);
  return marks;
}

function days(from, to, width) {
  const count = Math.round((to - from) / time.DAY);
  const step = Math.max(Math.ceil((count * 60) / width), 1);
  const marks = [];
  for (let day = 0; day < count; day += step) marks.push([time.addDays(from, day), time.showWeekday(time.addDays(from, day))]);
  return marks;
}

function months(from, to, width) {
  const step = width < NARROW ? 2 : 1;
  return Array.from({ length: Math.ceil(12 / step) }, (_, n) => time.startOfMonth(from, n * step)).map((at) => [at, time.showMonthShort(at)]);
}

/** What a bar is, in words. `ages`: of acting tenures that run, how long they have, by their ids. */
export function words(segment, ages = new Map()) {
  const values = {
    post: postTitle(segment.PostId),
    person: nameOf(segment.PersonId),
    from: time.showTime(time.parse(segment.From)),
    to: time.showTime(time.parse(segment.To)),
    acting: ages.get(segment.TenureId) ?? t("capacity.acting"),
  };
  if (!segment.PersonId) return t("piece.gap", values);
  return t(segment.Capacity === "acting" ? "piece.acting" : "piece", values);
}

/** What is written on a bar: a part of its words, so that it can be called by what is seen. */
function shortly(segment, ages) {
  if (!segment.PersonId) return t("gap");
  const person = nameOf(segment.PersonId);
  const acting = ages.get(segment.TenureId);
  return acting ? t("piece.short", { person, acting }) : person;
}

/**
 * An SVG of `segments` (of GetSchedule) for the posts `rows`, from `from` to `to`; `ages` as above. `chosen(segment)` is
 * called when a bar is chosen, `pointed(segment)` when one is pointed at or focused; bars of others than `person` are
 * faded, where one is given.
 */
export function timeline({ segments, rows, from, to, zoom, width, person, chosen, pointed, ages }) {
  const narrow = width < NARROW;
  const gutter = narrow ? 8 : 190;
  const rowHeight = narrow ? ROW_NARROW : ROW_WIDE;
  const height = AXIS + rows.length * rowHeight + 6;
  const x = (at) => gutter + ((Math.min(Math.max(at, from), to) - from) / (to - from)) * (width - gutter - 8);
  const top = (row) => AXIS + row * rowHeight;

  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group", "aria-label": t("picture", { from: time.showDay(from), to: time.showDay(to - 1) }) },
    hatch("acting"));
  if (to - from <= 45 * time.DAY) picture.append(...weekends(from, to, x, height));
  picture.append(...axis(ZOOMS[zoom].marks(from, to, width - gutter), x, width, height));
  rows.forEach((id, row) => {
    picture.append(
      svg("text", { class: "post", x: 8, y: narrow ? top(row) + 15 : top(row) + ROW_WIDE / 2 + 4 }, clipped(postTitle(id), narrow ? width - 16 : gutter - 16)),
      svg("line", { class: "rule", x1: 0, x2: width, y1: top(row), y2: top(row) }));
  });
  const bars = rows.map((id, row) =>
    segments.filter((segment) => segment.PostId === id && time.parse(segment.To) > from && time.parse(segment.From) < to)
      .map((segment) => bar(segment, x, narrow ? top(row) + 20 : top(row) + (ROW_WIDE - BAR) / 2, person, ages)));
  bars.forEach((row) => picture.append(...row.map((each) => each.element)));
  const present = time.now();
  if (present > from && present < to) picture.append(...nowLine(x(present), height));
  walk(picture, bars, chosen, pointed);
  return picture;
}

/** What lies over the colour of those who act, by its name within the page. */
function hatch(id) {
  return svg("defs", {},
    svg("pattern", { id, width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("rect", { width: 3, height: 7, fill: "#14181e", opacity: 0.18 })));
}

function weekends(from, to, x, height) {
  const found = [];
  for (let at = time.startOfDay(from); at < to; at = time.addDays(at, 1)) {
    if (time.isWeekend(at)) {
      const end = time.addDays(at, 1);
      found.push(svg("rect", { class: "weekend", x: x(at), y: AXIS, width: Math.max(x(end) - x(at), 0), height: height - AXIS }));
    }
  }
  return found;
}

function axis(marks, x, width, height) {
  return marks.flatMap(([at, text]) => [
    svg("line", { class: "rule", x1: x(at), x2: x(at), y1: AXIS - 6, y2: height }),
    // One that would be cut off at the edge says less than none.
    svg("text", { class: "axis", x: x(at) + 3, y: AXIS - 11 }, clipped(text, width - x(at) - 3) === text ? text : ""),
  ]);
}

function nowLine(x, height) {
  return [
    svg("line", { class: "now", x1: x, x2: x, y1: AXIS - 4, y2: height }),
    svg("polygon", { class: "now-flag", points: `${x - 5},${AXIS - 8} ${x + 5},${AXIS - 8} ${x},${AXIS}` }),
  ];
}

function bar(segment, x, y, person, ages) {
  const left = x(time.parse(segment.From));
  const width = Math.max(x(time.parse(segment.To)) - left, 1.5);
  const acting = segment.Capacity === "acting";
  const classes = ["piece"];
  if (!segment.PersonId) classes.push("gap");
  if (person && segment.PersonId !== person) classes.push("faded");
  const box = { x: left + 0.5, y, width: Math.max(width - 1, 1), height: BAR, rx: width > 8 ? 4 : 0 };
  const element = svg("g", { class: classes.join(" "), role: "button", tabindex: "-1", "aria-label": words(segment, ages), "data-key": key(segment) },
    svg("title", {}, words(segment, ages)),
    svg("rect", { ...box, fill: segment.PersonId ? colourOf(segment.PersonId) : null }),
    acting ? svg("rect", { ...box, class: "acting", fill: "url(#acting)" }) : null,
    svg("rect", { ...box, class: "edge" }),
    width > 26 ? within({ x: left + 6, y, width: width - 10, height: BAR }, shortly(segment, ages)) : null);
  return { element, segment };
}

/** What does not fit is cut off where it is seen and stays whole where it is read: a name with dots is nobody's. */
const within = (box, text) => svg("svg", box, svg("text", { y: box.height / 2 + 4 }, text));

export const key = (segment) => `${segment.PostId} ${segment.From}`;

// About what letters of this size are wide: those of Chinese are twice the others.
const letter = (text) => (text.codePointAt(0) > 0x2e80 ? 12.5 : 7);

function clipped(text, width) {
  let used = 0;
  const letters = [...text];
  for (let place = 0; place < letters.length; place++) {
    used += letter(letters[place]);
    if (used > width) return place < 2 ? letters.slice(0, place).join("") : `${letters.slice(0, place - 1).join("")}…`;
  }
  return text;
}

/** One bar at a time is in the order of tabs; arrows lead to its neighbours, Enter chooses. */
function walk(picture, bars, chosen, pointed) {
  const rows = bars.filter((row) => row.length);
  const all = rows.flat();
  if (!all.length) return;
  const enter = (piece) => {
    for (const other of all) other.element.setAttribute("tabindex", other === piece ? "0" : "-1");
  };
  enter(all[0]);
  const move = (piece, across, down) => {
    const row = rows.findIndex((each) => each.includes(piece));
    const to = rows[Math.min(Math.max(row + down, 0), rows.length - 1)];
    const place = down
      ? to.findLastIndex((each) => time.parse(each.segment.From) <= time.parse(piece.segment.From))
      : rows[row].indexOf(piece) + across;
    const next = to[Math.min(Math.max(place, 0), to.length - 1)];
    enter(next);
    next.element.focus();
  };
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  for (const piece of all) {
    for (const event of ["focus", "pointerenter"]) piece.element.addEventListener(event, () => pointed(piece.segment));
    piece.element.addEventListener("click", () => {
      enter(piece);
      chosen(piece.segment);
    });
    piece.element.addEventListener("keydown", (event) => {
      if (event.key in steps) {
        event.preventDefault();
        move(piece, ...steps[event.key]);
      } else if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        chosen(piece.segment);
      }
    });
  }
}

/** What the marks of the picture mean. */
export function legend(people) {
  const swatch = (...inside) => svg("svg", { viewBox: "0 0 26 14", "aria-hidden": "true" }, inside);
  const box = { width: 26, height: 14, rx: 3 };
  const entry = (mark, text) => h("span", {}, mark, text);
  return h("div", { class: "legend" },
    people.map((id) => entry(swatch(svg("rect", { ...box, fill: colourOf(id) })), nameOf(id))),
    entry(swatch(
      hatch("acting-key"), svg("rect", { ...box, fill: "#c3cad5" }), svg("rect", { ...box, class: "acting", fill: "url(#acting-key)" })), t("capacity.acting")),
    entry(swatch(svg("rect", { ...box, fill: "#c62834" })), t("gap")));
}
