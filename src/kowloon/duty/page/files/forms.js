// Controls that several views ask with.

import { h, option } from "./dom.js";
import { me, nameOf, organisation, titleOf } from "./people.js";
import { dayForField, forField, fromField, iso } from "./time.js";
import { t } from "./words.js";

/** Everybody; `none` names an empty choice. */
export function personSelect({ chosen = me(), none = null } = {}) {
  const people = organisation().people;
  return h("select", { required: none === null },
    none === null ? (chosen ? null : option("", t("choose"), "")) : option("", none, chosen),
    people.map((person) => option(person.id, nameOf(person.id), chosen)));
}

export function postSelect({ chosen = "", none = null } = {}) {
  return h("select", { required: none === null },
    none === null ? null : option("", none, chosen),
    organisation().posts.map((post) => option(post.id, titleOf(post), chosen)));
}

export function timeInput(at = null, required = false) {
  return h("input", { type: "datetime-local", value: at === null ? "" : forField(at), required });
}

export function dayInput(at) {
  return h("input", { type: "date", value: dayForField(at), required: true });
}

export function textInput(required = false) {
  return h("input", { type: "text", maxlength: 200, required });
}

export function textArea(required = false) {
  return h("textarea", { maxlength: 4000, required });
}

/** A time as actions take it, empty for none. */
export function given(text) {
  const at = fromField(text);
  return at === null ? "" : iso(at);
}

/** On behalf of somebody else is said; for oneself it is not, so that it needs no more rights. */
export const behalf = (person) => (person === me() ? "" : person);
