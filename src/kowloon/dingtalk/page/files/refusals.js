// What the cloud refused, and what to do about it.

import { Refusal } from "./api.js";
import { h, say } from "./dom.js";
import { has, t } from "./words.js";

/** For what is begun by a click and has no place of its own for what goes wrong. */
export async function telling(begun) {
  try {
    return await begun;
  } catch (problem) {
    say(told(problem));
    return undefined;
  }
}

/** In one line. */
export function told(problem) {
  if (problem instanceof Refusal) return has(`refused.${problem.code}`) ? t(`refused.${problem.code}`) : problem.message || problem.code;
  console.error(problem);
  return t("mistake");
}

/** A box that says what happened and what to do next. */
export function advice(problem) {
  const next = problem instanceof Refusal && has(`next.${problem.code}`) ? h("p", {}, t(`next.${problem.code}`)) : null;
  return h("div", { class: "told bad" }, h("p", {}, h("strong", {}, told(problem))), next);
}
