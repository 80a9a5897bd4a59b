// What was typed and is not yet known to stand in its conversation. It outlives a broken connection and a reload of this
// tab; sent again under the same name it stands there once.

let kept = "";
let items = [];

/** Of the member who signed in, as they left it. */
export function openOutbox(whose) {
  kept = `kowloon-dingtalk-outbox:${whose}`;
  try {
    items = JSON.parse(sessionStorage.getItem(kept) ?? "[]");
  } catch {
    items = [];
  }
}

function save() {
  sessionStorage.setItem(kept, JSON.stringify(items));
}

/** `item`: {conversation, msgtype, text, at}; of files {conversation, msgtype, media, name}. */
export function put(item) {
  const made = { ...item, unique: crypto.randomUUID?.() ?? unique(), made: Date.now() / 1000 };
  items.push(made);
  save();
  return made;
}

// Where the page is not served as browsers want it (plain HTTP under another name than localhost).
const unique = () => [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");

export function drop(unique) {
  items = items.filter((each) => each.unique !== unique);
  save();
}

/** Why it will not be sent by itself any more; empty: once more. */
export function fail(unique, why) {
  items = items.map((each) => (each.unique === unique ? { ...each, failed: why } : each));
  save();
}

export const waiting = (conversation) => items.filter((each) => each.conversation === conversation);
/** The next one to be sent. */
export const next = () => items.find((each) => !each.failed);
