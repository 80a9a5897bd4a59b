// Plans: computed, compared with what is, adopted; and what-ifs, which are only looked at.

import { duty } from "../api.js";
import { field, h, option, replace, say, table } from "../dom.js";
import { dayInput, given, personSelect, timeInput } from "../forms.js";
import { loadOrganisation, nameOf, organisation, post, postTitle, titleOf } from "../people.js";
import { advice, telling } from "../refusals.js";
import { address, again, go } from "../router.js";
import * as time from "../time.js";
import { has, number, t } from "../words.js";

export const title = ({ id }) => (id ? t("plan.one") : t("tab.plans"));

const RUNNING = ["waiting", "computing"];
const POLL = 700;

export async function load({ id }) {
  if (id) return { plan: await duty("GetPlan", { PlanId: id, OnlyMoved: true }) };
  return { plans: (await duty("ListPlans", { MaxResults: 20 })).Plans };
}

export function draw(root, { plan, plans }, { id }) {
  if (id) {
    const body = h("div", {});
    root.append(h("p", {}, h("a", { href: address("plans") }, t("plan.all"))), body);
    watch(body, plan);
    return;
  }
  root.append(form(), h("h2", {}, t("plan.earlier")),
    plans.length ? table(t("plan.earlier.caption"), planColumns(), plans) : h("p", {}, t("plan.none")));
}

const planColumns = () => [
  [t("plan.made"), (row) => h("a", { href: address("plans", { id: row.PlanId }) }, time.showTime(time.parse(row.CreatedAt)))],
  [t("plan.period"), (row) => `${time.showDay(time.parse(row.From))} – ${time.showDay(time.parse(row.To) - 1)}`],
  [t("posts"), (row) => (row.Posts.length ? row.Posts.map(postTitle).join(", ") : t("posts.all"))],
  [t("plan.state"), (row) => [stateBadge(row), row.WhatIf ? [" ", h("span", { class: "badge plain" }, t("what-if"))] : null]],
  [t("plan.moved"), (row) => (row.Outcome === "plan" ? number(row.Moved) : ""), true],
];

function stateBadge(plan) {
  const kind = plan.Outcome === "conflict" ? "bad" : RUNNING.includes(plan.State) ? "warn" : "good";
  return h("span", { class: `badge ${kind}` }, plan.Outcome === "conflict" ? t("plan.conflict") : t(`plan.state.${plan.State}`));
}

// Asking for one -------------------------------------------------------------------------------------------------------

function form() {
  const begin = time.startOfDay(time.now());
  const from = dayInput(begin);
  const to = dayInput(time.addDays(begin, 90));
  const posts = h("select", { multiple: true, size: Math.min(organisation().posts.length, 6) },
    organisation().posts.filter((each) => each.layers.length).map((each) => option(each.id, titleOf(each), "")));
  const seconds = h("input", { type: "number", min: "1", max: "600", value: "60", required: true });
  const supposed = h("div", {});
  const rules = h("div", {});
  const problem = h("div", { role: "alert" });
  const what = h("button", { type: "submit", class: "main", value: "look" }, t("plan.compute"));
  const adopt = h("button", { type: "submit", value: "adopt" }, t("plan.compute.adopt"));
  const changed = () => { adopt.hidden = supposed.children.length + rules.children.length > 0; };
  const body = h("form", {},
    h("div", { class: "tools" }, field(t("from"), from), field(t("to"), to), field(t("plan.seconds"), seconds)),
    field(t("plan.posts"), posts, t("plan.posts.hint")),
    h("fieldset", {}, h("legend", {}, t("what-if")), h("p", { class: "hint" }, t("what-if.hint")), supposed,
      rules,
      h("div", { class: "buttons" },
        h("button", { type: "button", "data-key": "suppose", onclick: () => { supposed.append(absence(changed)); changed(); } }, t("what-if.add")),
        h("button", { type: "button", "data-key": "suppose-rules", onclick: () => telling(otherRules(rules, changed)) }, t("what-if.rules")))),
    problem, h("div", { class: "buttons" }, what, adopt));
  body.addEventListener("submit", async (event) => {
    event.preventDefault();
    const only = Array.from(posts.selectedOptions, (each) => each.value);
    const absences = Array.from(supposed.children, (row) => row.given());
    replace(problem);
    what.disabled = adopt.disabled = true;
    try {
      const answer = await duty("CreatePlan", {
        // What has begun cannot be planned any more.
        From: time.iso(Math.max(time.fromField(from.value), time.now())),
        To: time.iso(time.addDays(time.fromField(to.value), 1)),
        PostIds: only.length ? only : null,
        Seconds: Number(seconds.value),
        Adopt: event.submitter?.value === "adopt",
        SupposedAbsences: absences.length ? absences : null,
        SupposedFile: rules.querySelector("textarea")?.value ?? "",
      });
      go("plans", { id: answer.Plan.PlanId });
    } catch (refusal) {
      replace(problem, advice(refusal));
      what.disabled = adopt.disabled = false;
    }
  });
  return body;
}

function absence(changed) {
  const person = personSelect({ chosen: "" });
  const from = timeInput(time.addDays(time.startOfDay(time.now()), 1), true);
  const to = timeInput(time.addDays(time.startOfDay(time.now()), 8), true);
  const row = h("div", { class: "tools" }, field(t("what-if.away"), person), field(t("from"), from), field(t("until"), to),
    h("button", { type: "button", onclick: () => { row.remove(); changed(); } }, t("remove")));
  row.given = () => ({ PersonId: person.value, From: given(from.value), To: given(to.value) });
  return row;
}

/** The organisation's file, to be changed for this plan alone. */
async function otherRules(place, changed) {
  const { File } = await loadOrganisation();
  replace(place, field(t("what-if.file"), h("textarea", { rows: "16", spellcheck: "false", value: File, class: "code" })),
    h("button", { type: "button", onclick: () => { replace(place); changed(); } }, t("remove")));
  changed();
}

// Looking at one -------------------------------------------------------------------------------------------------------

/** Until it is done, how far it is. */
function watch(body, { Plan: plan, Turns: turns }) {
  if (RUNNING.includes(plan.State)) {
    if (!body.querySelector("progress")) {
      replace(body, h("progress", { "aria-label": t("plan.computing") }), h("p", { role: "status" }));
    }
    body.querySelector("p").textContent = [t("plan.computing"), plan.Progress].filter(Boolean).join(" · ");
    setTimeout(async () => {
      if (!body.isConnected) return;
      const fresh = await duty("GetPlan", { PlanId: plan.PlanId, OnlyMoved: true }).catch(() => ({ Plan: plan, Turns: turns }));
      if (body.isConnected) watch(body, fresh);
    }, POLL);
    return;
  }
  replace(body, outcome(plan), plan.Outcome === "plan" ? moves(plan, turns) : null);
}

function outcome(plan) {
  const told = [h("p", {}, stateBadge(plan), plan.WhatIf ? [" ", h("span", { class: "badge plain" }, t("what-if"))] : null)];
  if (plan.Outcome === "plan") {
    const quality = plan.Gap <= 0 ? t("plan.optimal") : t("plan.within", { percent: number(plan.Gap * 100, 1) });
    told.push(h("p", {}, `${quality} ${t("plan.took", { seconds: number(plan.TookSeconds, 1) })}`));
  } else if (plan.Outcome === "conflict") {
    told.push(h("p", {}, t(plan.SmallestConflict ? "plan.conflict.smallest" : "plan.conflict.some")));
    told.push(h("ul", {}, plan.Rules.map((rule) => h("li", {}, ruleText(rule)))));
  }
  if (plan.Text) told.push(plan.Text.split("\n").map((line) => h("p", { class: "small" }, line)));
  if (plan.Outcome !== "plan") told.push(h("p", {}, t(`plan.next.${plan.Outcome}`)));
  if (plan.State === "done" && plan.Outcome === "plan") {
    told.push(plan.WhatIf ? h("p", {}, t("what-if.only")) : h("div", { class: "buttons" }, h("button", { class: "main", onclick: () => adoptPlan(plan) }, t("plan.adopt"))));
  }
  const kind = plan.Outcome === "plan" ? (plan.State === "adopted" ? "good" : "") : plan.Outcome === "unknown" ? "warn" : "bad";
  return h("div", { class: `told ${kind}` }, told);
}

function ruleText({ Rule: rule, About: about }) {
  const name = has(`rule.${rule}`) ? t(`rule.${rule}`) : rule;
  const whom = !about ? "" : post(about) ? postTitle(about) : nameOf(about);
  return whom ? `${name} (${whom})` : name;
}

async function adoptPlan(plan) {
  try {
    await duty("AdoptPlan", { PlanId: plan.PlanId });
    say(t("done.adopted"));
    again();
  } catch (refusal) {
    document.getElementById("main").querySelector(".told").after(advice(refusal));
  }
}

function moves(plan, turns) {
  if (!turns.length) return h("p", {}, t("plan.unmoved"));
  const columns = [
    [t("post"), (row) => postTitle(row.PostId)],
    [t("from"), (row) => time.showTime(time.parse(row.From))],
    [t("until"), (row) => time.showTime(time.parse(row.To))],
    [t("plan.before"), (row) => nameOf(row.Before)],
    [t("plan.after"), (row) => nameOf(row.PersonId)],
  ];
  return [h("h2", {}, t("plan.moves", { n: turns.length })), table(t("plan.moves.caption"), columns, turns.slice(0, 300))];
}
