// Choosing people and robots: for a new conversation, or to bring them into a group.

import { look } from "../api.js";
import * as chats from "../chats.js";
import { field, h, replace } from "../dom.js";
import { advice } from "../refusals.js";
import { go } from "../router.js";
import { t } from "../words.js";

const WAIT_MS = 150;

/** One person or robot is a conversation with them; more, or a title, a group. */
export function newConversation() {
  const title = h("input", { type: "text", maxlength: 50 });
  pick(t("new.title"), field(t("new.group"), title, t("new.group.hint")), t("new.begin"), async (people, robots) => {
    const alone = !title.value.trim() && people.length + robots.length === 1;
    const asked = alone ? (people.length ? { with_person: people[0] } : { with_robot: robots[0] }) : { title: title.value.trim(), members: people, robots };
    go({ id: await chats.open(asked) });
  });
}

export function addMembers(id) {
  pick(t("people.add"), null, t("people.add"), (people, robots) => chats.changeMembers(id, { add: people, robots }));
}

function pick(title, more, action, act) {
  const chosen = new Map();
  const search = h("input", { type: "search", autocomplete: "off" });
  const found = h("ul", { class: "plain found" });
  const said = h("p", { class: "small quiet", role: "status" });
  const problem = h("div", { role: "alert" });
  const send = h("button", { type: "submit", class: "main" }, action);
  const heading = h("h2", { id: "dialog-title" }, title);
  const form = h("form", { method: "dialog" }, heading, field(t("new.search"), search), said, found, more, problem,
    h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => dialog.close() }, t("cancel")), send));
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
  let turn = 0;

  function row(kind, each) {
    const key = `${kind}:${each.id}`;
    const box = h("input", { type: "checkbox", checked: chosen.has(key), onchange: () => (box.checked ? chosen.set(key, each) : chosen.delete(key)) });
    return h("li", {}, h("label", {}, box, h("span", {}, each.name, h("span", { class: "small quiet" }, ` ${kind === "robot" ? t("robot") : each.title || each.id}`))));
  }

  async function show() {
    const mine = ++turn;
    try {
      const { people, robots, more: isMore } = await look("people", { query: search.value.trim() });
      if (mine !== turn) return;
      const others = people.filter((each) => each.id !== chats.me().id);
      replace(found, others.map((each) => row("person", each)), robots.map((each) => row("robot", each)));
      replace(said, isMore ? t("new.more") : t("new.found", { n: others.length + robots.length }));
    } catch (refusal) {
      if (mine === turn) replace(problem, advice(refusal));
    }
  }

  let wait = null;
  search.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(show, WAIT_MS);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    replace(problem);
    const ids = (kind) => [...chosen.keys()].filter((key) => key.startsWith(`${kind}:`)).map((key) => key.slice(kind.length + 1));
    try {
      await act(ids("person"), ids("robot"));
      dialog.close();
    } catch (refusal) {
      replace(problem, advice(refusal));
    } finally {
      send.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  search.focus();
  show();
}
