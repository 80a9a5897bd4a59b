// The organisation's file: looked at, and another one applied in its place.

import { duty, Refusal } from "../api.js";
import { download, field, h, replace, say } from "../dom.js";
import { loadOrganisation } from "../people.js";
import { advice } from "../refusals.js";
import { again } from "../router.js";
import { t } from "../words.js";

export const title = () => t("tab.organisation");

export async function load() {
  try {
    const { Version, File } = await loadOrganisation();
    return { version: Version, file: File };
  } catch (refusal) {
    if (refusal instanceof Refusal && refusal.code === "OrganisationNotFound") return { version: 0, file: "" };
    throw refusal;
  }
}

export function draw(root, { version, file }) {
  root.append(h("p", {}, version ? t("organisation.version", { n: version }) : t("organisation.none")));
  if (version) {
    root.append(h("div", { class: "buttons" }, h("button", { onclick: () => download("duty.yaml", "application/yaml", file) }, t("organisation.download"))));
  }
  root.append(h("h2", {}, t("organisation.apply")), apply(file));
}

function apply(file) {
  const text = h("textarea", { rows: "20", spellcheck: "false", value: file, required: true, class: "code" });
  const upload = h("input", { type: "file", accept: ".yaml,.yml" });
  const problem = h("div", { role: "alert" });
  upload.addEventListener("change", async () => {
    if (upload.files[0]) text.value = await upload.files[0].text();
  });
  const form = h("form", {},
    field(t("organisation.upload"), upload), field(t("organisation.text"), text), problem,
    h("div", { class: "buttons" }, h("button", { type: "submit", class: "main" }, t("organisation.apply"))));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    replace(problem);
    try {
      const answer = await duty("ApplyOrganisation", { File: text.value });
      say(t("done.applied", { n: answer.Version }));
      await loadOrganisation();
      again();
    } catch (refusal) {
      replace(problem, advice(refusal));
    }
  });
  return form;
}
