// Getting in: as a user of the console, or with the messenger's own name and password.

import { signInHere } from "../api.js";
import { field, h, replace } from "../dom.js";
import { advice } from "../refusals.js";
import { t } from "../words.js";
import { showSignIn } from "./sign_in.js";

export function showDoor(main, entered) {
  const inner = h("div", {});
  replace(main, h("div", { class: "door" }, inner, h("details", {}, h("summary", {}, t("door.here")), here(entered))));
  showSignIn(inner, entered);
}

function here(entered) {
  const login = h("input", { autocomplete: "username", required: true, spellcheck: "false", autocapitalize: "none" });
  const password = h("input", { type: "password", autocomplete: "current-password", required: true });
  const organisation = h("input", { autocomplete: "organization", spellcheck: "false", autocapitalize: "none" });
  const problem = h("div", { role: "alert" });
  const send = h("button", { type: "submit" }, t("door.enter"));
  const form = h("form", {}, field(t("door.login"), login, t("door.login.hint")), field(t("door.password"), password), field(t("door.organisation"), organisation, t("door.organisation.hint")), problem, send);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    replace(problem);
    const named = organisation.value.trim();
    const where = named ? (named.startsWith("ding") ? { corp_id: named } : { account: named }) : {};
    try {
      await entered(await signInHere({ login: login.value.trim(), password: password.value, ...where }));
    } catch (refusal) {
      replace(problem, advice(refusal));
    } finally {
      send.disabled = false;
    }
  });
  return form;
}
