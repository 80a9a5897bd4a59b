// What the page says, in two languages.

import { dictionary } from "./dictionary.js";
import { english } from "./words.en.js";
import { chinese } from "./words.zh.js";

export const { language, setLanguage, t, has } = dictionary({ en: english, zh: chinese }, "kowloon-duty-language");

export function number(value, digits = 0) {
  return new Intl.NumberFormat(language() === "zh" ? "zh-CN" : "en-GB", { maximumFractionDigits: digits }).format(value);
}
