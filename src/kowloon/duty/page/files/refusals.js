// What the cloud refused, and what to do about it.

import { Refusal } from "./api.js";
import { h, say } from "./dom.js";
import { has, t } from "./words.js";

/** For what is begun by a click and has no place of its own for what goes wrong. */
export async function telling(begun) {
  try {
    await begun;
  } catch (problem) {
    say(advice(problem).textContent);
  }
}

/** A box that says what happened and what to do next. */
export function advice(problem) {
  if (!(problem instanceof Refusal)) {
    console.error(problem);
    return box(t("mistake"), String(problem?.message ?? problem));
  }
  const denied = problem.code === "NoPermission" || problem.code === "Forbidden.RAM";
  const next = denied ? "next.NoPermission" : `next.${problem.code}`;
  const title = has(`refused.${problem.code}`) ? t(`refused.${problem.code}`) : problem.message || problem.code;
  const asked = { action: problem.detail?.AuthAction ?? `duty:${problem.action}` };
  return box(title, has(next) ? t(next, asked) : "", title === problem.message ? "" : problem.message);
}

function box(title, next, more = "") {
  const lines = more ? more.split("\n").map((line) => h("p", { class: "small" }, line)) : [];
  return h("div", { class: "told bad" }, h("p", {}, h("strong", {}, title)), next ? h("p", {}, next) : null, lines);
}
