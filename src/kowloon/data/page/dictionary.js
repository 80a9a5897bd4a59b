// What a page says, in its languages. Missing words would be seen: tests compare the dictionaries.

/** Of `dictionaries` ({en: {key: text}, zh: ...}) the one that was chosen and kept under that name, or the browser's. */
export function dictionary(dictionaries, kept) {
  let chosen = null;

  function language() {
    if (chosen === null) {
      const before = localStorage.getItem(kept);
      chosen = before in dictionaries ? before : navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
    }
    return chosen;
  }

  function setLanguage(name) {
    chosen = name;
    localStorage.setItem(kept, name);
  }

  /** `{name}` is filled in; `{n|hour|hours}` chooses by the number n. */
  function t(key, values = {}) {
    const text = dictionaries[language()][key];
    if (text === undefined) return key;
    return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (_, name, one, many) =>
      one === undefined ? String(values[name] ?? "") : Number(values[name]) === 1 ? one : many);
  }

  /** Whether there is a text of that name. */
  const has = (key) => key in dictionaries[language()];

  return { language, setLanguage, t, has };
}
