// What the page says, in two languages.

import { dictionary } from "./dictionary.js";
import { english } from "./words.en.js";
import { chinese } from "./words.zh.js";

export const { language, setLanguage, t, has } = dictionary({ en: english, zh: chinese }, "kowloon-dingtalk-language");
export const locale = () => (language() === "zh" ? "zh-CN" : "en-GB");
