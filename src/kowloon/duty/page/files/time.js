// Times: the cloud's clock, and calendars of any zone. Moments are milliseconds since 1970.

import { language } from "./words.js";

export const HOUR = 3600e3;
export const DAY = 24 * HOUR;

let offset = 0;
let zoneOfOrganisation = "UTC";
let own = false;

/** The cloud's clock goes at the pace of ours, from what it last said. It says whole seconds: less is no difference. */
export function setNow(text) {
  const told = Date.parse(text) + 500 - Date.now();
  if (Math.abs(told - offset) > 1500) offset = told;
}

export const now = () => Date.now() + offset;

export function setZone(name) {
  zoneOfOrganisation = name;
}

/** Times are shown as the organisation has them, or as this machine does. */
export function setOwnZone(wanted) {
  own = wanted;
}

export const isOwnZone = () => own;
export const zone = () => (own ? Intl.DateTimeFormat().resolvedOptions().timeZone : zoneOfOrganisation);
export const organisationZone = () => zoneOfOrganisation;

const formats = new Map();

function format(options) {
  const key = JSON.stringify([language(), zone(), options]);
  if (!formats.has(key)) {
    const locale = language() === "zh" ? "zh-CN" : "en-GB";
    formats.set(key, new Intl.DateTimeFormat(locale, { timeZone: zone(), hourCycle: "h23", ...options }));
  }
  return formats.get(key);
}

const show = (options) => (at) => format(options).format(at);

export const showDay = show({ day: "numeric", month: "short", year: "numeric" });
export const showDayShort = show({ day: "numeric", month: "short" });
export const showWeekday = show({ weekday: "short", day: "numeric" });
export const showMonth = show({ month: "long", year: "numeric" });
export const showMonthShort = show({ month: "short" });
export const showYear = show({ year: "numeric" });
export const showHour = show({ hour: "2-digit", minute: "2-digit" });
export const showTime = show({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
export const showFull = show({ weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

/** `2026-01-05T09:00:00Z`, as actions take it. */
export const iso = (at) => new Date(Math.round(at / 1000) * 1000).toISOString().replace(".000Z", "Z");

export const parse = (text) => (text ? Date.parse(text) : null);

function fields(at) {
  const parts = {};
  const options = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" };
  const key = `fields ${zone()}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-US", { timeZone: zone(), hourCycle: "h23", ...options }));
  for (const { type, value } of formats.get(key).formatToParts(at)) parts[type] = Number(value);
  return parts;
}

/** The moment at which clocks of the zone show that. A time that they skip is as long after the gap's beginning. */
export function moment(year, month, day, hour = 0, minute = 0) {
  const wanted = Date.UTC(year, month - 1, day, hour, minute);
  let [at, last] = [wanted, wanted];
  for (let round = 0; round < 3; round++) {
    const shown = fields(at);
    last = at;
    at += wanted - Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute);
  }
  // Where there is no such time it goes to and fro between before and after.
  return Math.max(at, last);
}

export function startOfDay(at) {
  const { year, month, day } = fields(at);
  return moment(year, month, day);
}

/** Monday. */
export function startOfWeek(at) {
  const { year, month, day } = fields(at);
  const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay();
  return moment(year, month, day - ((weekday + 6) % 7));
}

export function startOfMonth(at, months = 0) {
  const { year, month } = fields(at);
  return moment(year, month + months, 1);
}

export function startOfYear(at, years = 0) {
  return moment(fields(at).year + years, 1, 1);
}

export function addDays(at, days) {
  const { year, month, day, hour, minute } = fields(at);
  return moment(year, month, day + days, hour, minute);
}

export function isWeekend(at) {
  const { year, month, day } = fields(at);
  return [0, 6].includes(new Date(Date.UTC(year, month - 1, day)).getUTCDay());
}

const two = (number) => String(number).padStart(2, "0");

/** What a field of a form shows. */
export function forField(at) {
  const { year, month, day, hour, minute } = fields(at);
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}`;
}

export function dayForField(at) {
  return forField(at).slice(0, 10);
}

/** What a field of a form says, in the zone that is shown; null when it is empty. */
export function fromField(text) {
  const found = /^(\d+)-(\d+)-(\d+)(?:T(\d+):(\d+))?/.exec(text);
  return found ? moment(...found.slice(1).map((part) => Number(part ?? 0))) : null;
}
