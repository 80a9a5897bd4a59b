// Questions in a dialog of their own: what was typed stays until the cloud has taken it.

import { field, h } from "./dom.js";
import { advice } from "./refusals.js";
import { t } from "./words.js";

/**
 * Asks for the `fields` ({name, label, control, hint}) and gives their values to `act`, which calls the cloud. Closes
 * when that succeeds; else says what to do. Resolves to what `act` gave, or to undefined when it was cancelled.
 */
export function ask(title, fields, act, { action = t("do"), text = null, bad = false } = {}) {
  return new Promise((resolve) => {
    const problem = h("div", { role: "alert" });
    const send = h("button", { type: "submit", class: bad ? "bad" : "main" }, action);
    const heading = h("h2", { id: "dialog-title", tabindex: "-1" }, title);
    const form = h("form", { method: "dialog" },
      heading,
      text ? h("p", {}, text) : null,
      fields.map(({ label, control, hint }) =>
        field(label, control, hint)),
      problem,
      h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => dialog.close() }, t("cancel")), send));
    const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
    let result;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      send.disabled = true;
      problem.replaceChildren();
      try {
        result = (await act(Object.fromEntries(fields.map(({ name, control }) => [name, control.value])))) ?? true;
        dialog.close();
      } catch (refusal) {
        problem.replaceChildren(advice(refusal));
      } finally {
        send.disabled = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
    (fields[0]?.control ?? heading).focus();
  });
}
