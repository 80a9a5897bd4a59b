// What the page says, in two languages. Missing words would be seen: a test compares the dictionaries.

import { english } from "./words.en.js";
import { chinese } from "./words.zh.js";

const DICTIONARIES = { en: english, zh: chinese };
const KEPT = "kowloon-duty-language";

let chosen = null;

export function language() {
  if (chosen === null) {
    const kept = localStorage.getItem(KEPT);
    chosen = kept in DICTIONARIES ? kept : navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
  }
  return chosen;
}

export function setLanguage(name) {
  chosen = name;
  localStorage.setItem(KEPT, name);
}

/** `{name}` is filled in; `{n|hour|hours}` chooses by the number n. */
export function t(key, values = {}) {
  const text = DICTIONARIES[language()][key];
  if (text === undefined) return key;
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (_, name, one, many) =>
    one === undefined ? String(values[name] ?? "") : Number(values[name]) === 1 ? one : many);
}

/** Whether there is a text of that name. */
export const has = (key) => key in DICTIONARIES[language()];

export function number(value, digits = 0) {
  return new Intl.NumberFormat(language() === "zh" ? "zh-CN" : "en-GB", { maximumFractionDigits: digits }).format(value);
}
