// Signing in: name and password; a code and a new password once the cloud asks for them.

import { signIn } from "../api.js";
import { field, h, replace } from "../dom.js";
import { advice } from "../refusals.js";
import { t } from "../words.js";

export function showSignIn(main, entered) {
  const name = h("input", { name: "username", autocomplete: "username", required: true, spellcheck: "false", autocapitalize: "none" });
  const password = h("input", { type: "password", autocomplete: "current-password", required: true });
  const code = h("input", { inputmode: "numeric", autocomplete: "one-time-code", maxlength: "6" });
  const renewed = h("input", { type: "password", autocomplete: "new-password" });
  const more = h("div", {});
  const problem = h("div", { role: "alert" });
  const send = h("button", { type: "submit", class: "main" }, t("sign-in"));
  const form = h("form", { class: "signing" },
    h("h1", { tabindex: "-1" }, t("sign-in")),
    field(t("sign-in.name"), name, t("sign-in.name.hint")),
    field(t("sign-in.password"), password),
    more, problem, send);

  const askFor = (control, label, hint) => {
    if (!control.isConnected) more.append(field(label, control, hint));
    control.focus();
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    replace(problem);
    try {
      const body = { name: name.value.trim(), password: password.value };
      if (code.isConnected) body.code = code.value.trim();
      if (renewed.isConnected) body.new_password = renewed.value;
      const session = await signIn(body);
      for (const used of [password, code, renewed]) used.value = "";
      await entered(session);
    } catch (refusal) {
      replace(problem, advice(refusal));
      if (["MfaCodeRequired", "MfaCodeRefused"].includes(refusal.code)) {
        code.value = "";
        askFor(code, t("sign-in.code"), t("sign-in.code.hint"));
      } else if (refusal.code === "PasswordChangeRequired") {
        askFor(renewed, t("sign-in.new"), "");
      } else if (refusal.code === "NewPasswordNotAsked") {
        // It was asked of somebody else, whose name stood there before.
        renewed.value = "";
        renewed.closest(".field").remove();
      }
    } finally {
      send.disabled = false;
    }
  });
  replace(main, form);
  name.focus();
}
