// Times as people say them, on this device's clock.

import { locale, t } from "./words.js";

const same = (one, other) => one.toDateString() === other.toDateString();
const format = (options) => (date) => new Intl.DateTimeFormat(locale(), options).format(date);
const clock = format({ hour: "2-digit", minute: "2-digit" });
const day = format({ day: "numeric", month: "short" });
const fullDay = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const full = format({ dateStyle: "full", timeStyle: "medium" });

/** Of seconds since 1970. */
export const hour = (at) => clock(new Date(at * 1000));
export const fullTime = (at) => full(new Date(at * 1000));
export const iso = (at) => new Date(at * 1000).toISOString();

/** As short as it can be: an hour today, else a day. */
export function brief(at) {
  const date = new Date(at * 1000);
  return same(date, new Date()) ? clock(date) : day(date);
}

export function dayOf(at) {
  const date = new Date(at * 1000);
  return same(date, new Date()) ? t("today") : fullDay(date);
}

export const isSameDay = (one, other) => same(new Date(one * 1000), new Date(other * 1000));
