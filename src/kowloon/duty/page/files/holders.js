// Who holds a post, as a line or a card says it.

import { h } from "./dom.js";
import { nameOf } from "./people.js";
import { parse, showTime } from "./time.js";
import { number, t } from "./words.js";

/** Nobody holds it, and nobody is meant to. */
export const off = (holder) => !holder.PersonId && !holder.Needed;

/** The badges of an item of ListHolders: off; a gap; or acting with its age. */
export function badges(holder) {
  if (off(holder)) return [h("span", { class: "badge plain" }, t("off"))];
  if (!holder.PersonId) return [h("span", { class: "badge bad" }, t("gap"))];
  if (holder.Capacity !== "acting") return [h("span", { class: "badge good" }, t("on-duty"))];
  return [h("span", { class: "badge warn" }, age(holder.AgeDays))];
}

export function age(days) {
  if (days >= 1) return t("acting.days", { n: Math.floor(days), days: number(Math.floor(days)) });
  const hours = Math.floor(days * 24);
  return hours ? t("acting.hours", { n: hours }) : t("acting.minutes", { n: Math.max(Math.round(days * 24 * 60), 1) });
}

/** What else there is to know, each a sentence. */
export function facts(holder) {
  const told = [];
  if (!holder.PersonId && holder.Needed) told.push(t("gap.text"));
  if (holder.Capacity === "acting") {
    told.push(holder.InsteadOf ? t("acting.for", { person: nameOf(holder.InsteadOf) }) : t("acting.vacant"));
    told.push(holder.Until ? t("acting.latest", { at: showTime(parse(holder.Until)) }) : t("acting.open"));
  }
  if (holder.PersonId && holder.Since) told.push(t("since", { at: showTime(parse(holder.Since)) }));
  if (holder.Reason) told.push(t("reason.is", { reason: holder.Reason }));
  if (holder.NextAt) told.push(t("next", { person: nameOf(holder.NextPersonId), at: showTime(parse(holder.NextAt)) }));
  return told.map((text) => h("p", { class: "small quiet" }, text));
}
