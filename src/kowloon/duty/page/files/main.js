// The frame of the page: who signed in, where to go, in which language and on whose clock.

import { signedIn, signOut } from "./api.js";
import { h, option, replace, say } from "./dom.js";
import { forgetOrganisation, loadOrganisation, me, nameOf, organisation } from "./people.js";
import { address, again, start, stop } from "./router.js";
import { isOwnZone, organisationZone, setOwnZone } from "./time.js";
import * as history from "./views/history.js";
import * as load from "./views/load.js";
import * as nowView from "./views/now.js";
import * as organisationView from "./views/organisation.js";
import * as pages from "./views/pages.js";
import * as plans from "./views/plans.js";
import * as post from "./views/post.js";
import * as requests from "./views/requests.js";
import * as rota from "./views/rota.js";
import { showSignIn } from "./views/sign_in.js";
import { language, setLanguage, t } from "./words.js";

const VIEWS = { now: nowView, rota, load, plans, requests, pages, history, organisation: organisationView, post };
const TABS = ["now", "rota", "load", "plans", "requests", "pages", "history", "organisation"];

let who = { signed_in: false };

function header(current) {
  const languages = h("select", { "aria-label": t("language"), onchange: (event) => changeLanguage(event.target.value) },
    option("en", "English", language()), option("zh", "中文", language()));
  const parts = [h("div", { class: "brand" }, h("img", { src: "/duty/icon.svg", alt: "" }), t("brand"))];
  if (who.signed_in) {
    if (organisation()) parts.push(zones());
    parts.push(h("span", { class: "who" }, organisation() && me() ? nameOf(me()) : who.name));
    parts.push(h("button", { onclick: leave }, t("sign-out")));
  }
  const bar = h("div", { class: "bar" }, parts, languages);
  const tabs = TABS.map((path) =>
    h("li", {}, h("a", { href: address(path), "aria-current": path === current ? "page" : null }, t(`tab.${path}`))));
  replace(document.getElementById("top"), bar, who.signed_in ? h("nav", { "aria-label": t("views") }, h("ul", {}, tabs)) : null);
  replace(document.getElementById("skip"), t("skip"));
}

function zones() {
  const choose = (event) => {
    setOwnZone(event.target.value === "own");
    again();
  };
  return h("select", { "aria-label": t("zone"), onchange: choose },
    option("organisation", t("zone.organisation", { zone: organisationZone() }), isOwnZone() ? "own" : "organisation"),
    option("own", t("zone.own"), isOwnZone() ? "own" : "organisation"));
}

function changeLanguage(name) {
  setLanguage(name);
  document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
  if (who.signed_in) again();
  else showSigning();
}

async function leave() {
  try {
    await signOut();
    showSigning();
  } catch {
    say(t("refused.Unreachable"));
  }
}

function showSigning() {
  stop();
  who = { signed_in: false };
  header("");
  document.title = `${t("sign-in")} · ${t("brand")}`;
  showSignIn(document.getElementById("main"), enter);
}

async function enter(told) {
  who = told;
  forgetOrganisation();
  document.getElementById("main").replaceChildren();
  start(VIEWS, "now", header, prepare);
}

/** Without an organisation, or the right to see it, each view but its own says so. */
async function prepare(path) {
  if (path === "organisation" || organisation()) return;
  await loadOrganisation();
  header(path);
}

async function begin() {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  addEventListener("signed-out", () => who.signed_in && showSigning());
  const told = await signedIn().catch(() => ({ signed_in: false }));
  if (told.signed_in) await enter(told);
  else showSigning();
}

begin();
