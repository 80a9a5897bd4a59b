// Which view is shown, by the address: `#/rota?zoom=week`. A view loads data and draws them; `every` says how often it
// looks again, in milliseconds, and then it is drawn anew only where something has changed: by its `probe`, one small
// call in place of all, for each call is a record of the audit. Now and then it is drawn anew in any case.

import { h, replace } from "./dom.js";
import { advice } from "./refusals.js";
import { t } from "./words.js";

let views = {};
let first = "";
let onShow = () => {};
let ready = async () => {};
let turn = 0;
let timer = null;
let shows = false;

const LOOKS = 20;

export function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path in views ? path : first, params: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

export const address = (path, params = {}) => {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value)).toString();
  return `#/${path}${query ? `?${query}` : ""}`;
};

/** Goes there; with `quietly` the view stays, and "back" leads to where it came from. */
export function go(path, params = {}, quietly = false) {
  if (quietly) {
    history.replaceState(null, "", address(path, params));
    again();
  } else {
    location.hash = address(path, params);
  }
}

/** `shown(path)` hears which view comes, `prepared(path)` is waited for before it loads. */
export function start(allViews, firstView, shown, prepared) {
  views = allViews;
  first = firstView;
  onShow = shown;
  ready = prepared;
  shows = true;
  show(false);
}

// Once for all: whoever signs in again starts again, and who has signed out may still go back.
addEventListener("hashchange", () => shows && show(true));

export const again = () => show(false);

export function stop() {
  shows = false;
  turn++;
  clearTimeout(timer);
}

async function show(moved) {
  const mine = ++turn;
  clearTimeout(timer);
  const { path, params } = place();
  const view = views[path];
  const main = document.getElementById("main");
  const key = document.activeElement?.dataset?.key;
  onShow(path);
  main.setAttribute("aria-busy", "true");
  if (moved || !main.hasChildNodes()) replace(main, h("p", { class: "quiet" }, t("loading")));
  let told = null;
  try {
    await ready(path);
    // Before what is shown is loaded, so that no change falls between.
    if (view.every && view.probe) told = await seen(view, params);
    const data = await view.load(params);
    if (mine !== turn) return;
    told ??= JSON.stringify(data);
    const body = h("div", {});
    view.draw(body, data, params);
    replace(main, h("h1", { tabindex: "-1" }, view.title(params)), body);
  } catch (refusal) {
    if (mine !== turn) return;
    replace(main, h("h1", { tabindex: "-1" }, view.title(params)), advice(refusal), tryAgain());
  } finally {
    if (mine === turn) main.removeAttribute("aria-busy");
  }
  // Whoever drives the page by a program knows by this what is shown.
  main.dataset.shown = location.hash;
  document.title = `${main.querySelector("h1").textContent} · ${t("brand")}`;
  if (moved) main.querySelector("h1").focus();
  else if (key) main.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  if (view.every) look(view, params, mine, told, LOOKS);
}

function look(view, params, mine, told, left) {
  timer = setTimeout(async () => {
    if (mine !== turn) return;
    const idle = () => !document.hidden && !document.querySelector("dialog");
    const fresh = idle() ? await seen(view, params).catch(() => told) : told;
    if (mine !== turn) return;
    if (idle() && (fresh !== told || left <= 0)) again();
    else look(view, params, mine, told, left - 1);
  }, view.every);
}

async function seen(view, params) {
  if (view.probe) {
    try {
      return JSON.stringify(await view.probe());
    } catch (refusal) {
      if (refusal.status !== 403) throw refusal;
    }
  }
  return JSON.stringify(await view.load(params));
}

function tryAgain() {
  return h("div", { class: "buttons" }, h("button", { onclick: again }, t("try-again")));
}
