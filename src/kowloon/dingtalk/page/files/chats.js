// What the page knows: conversations, and of those that were looked at their messages, without gaps.

import { change, look } from "./api.js";
import { cardChanged, cardsAgain, forgetCards } from "./cards.js";
import { send } from "./connection.js";
import * as outbox from "./outbox.js";

const PAGE = 50;
// Of a gap that is longer, only the end is fetched.
const LONGEST_GAP = 200;
// So many messages stay while one looks at the newest.
const KEPT = 300;

let own = null;
const all = new Map();
const listeners = new Set();

export const me = () => own;
export const conversation = (id) => all.get(id);
export const isMine = (message) => message.sender.type === "member" && message.sender.id === own.id;

/** Hears `(what, id)`: "list", "messages", "detail" or "one" (a message that is different) of a conversation. */
export function onChange(listener) {
  listeners.add(listener);
}

function tell(what, id, more) {
  for (const listener of listeners) listener(what, id, more);
}

export async function begin() {
  own = await look("me");
  outbox.openOutbox(`${own.corp}/${own.id}`);
  return own;
}

export function forget() {
  own = null;
  all.clear();
  forgetCards();
}

/** The list by its last messages, the newest first. */
export function sorted() {
  const at = (each) => each.last?.at ?? each.created_at;
  return [...all.values()].sort((one, other) => at(other) - at(one) || (one.id < other.id ? -1 : 1));
}

/** Of conversations that are not muted, and where somebody said something to me of others, too. */
export const unread = () => [...all.values()].reduce((sum, each) => sum + (each.muted ? 0 : each.unread), 0);

/** Asks for all of it; after a break, messages that came meanwhile follow. */
export async function refresh() {
  const { conversations } = await look("conversations");
  for (const id of [...all.keys()]) if (!conversations.some((each) => each.id === id)) gone(id);
  for (const row of conversations) {
    const known = all.get(row.id);
    // What has come by the open connection since is newer.
    if (known && known.sequence > row.sequence) Object.assign(row, { sequence: known.sequence, last: known.last, unread: known.unread });
    adopt(row);
    if (known?.messages) fill(known);
    if (known?.detail) loadDetail(row.id).catch(() => {});
  }
  cardsAgain();
  tell("list");
}

/** What is known of it besides stays. */
function adopt(row, more = {}) {
  if (!all.has(row.id)) all.set(row.id, { messages: null, hasEarlier: false, detail: null, filling: false });
  return Object.assign(all.get(row.id), row, more);
}

function gone(id) {
  all.delete(id);
  tell("list");
  tell("gone", id);
}

async function meet(id) {
  try {
    const row = await look("conversations", id);
    adopt(row, { detail: row });
    tell("list");
  } catch (refusal) {
    if (refusal.status === 404) gone(id);
  }
}

/** The last messages of it, and who is in it. */
export async function enter(id) {
  if (!all.has(id)) await meet(id);
  const found = all.get(id);
  if (!found) return null;
  if (!found.messages) {
    const { messages, sequence } = await look("conversations", id, "messages", { most: PAGE });
    found.messages = messages;
    found.sequence = Math.max(found.sequence, sequence);
    found.hasEarlier = (messages[0]?.sequence ?? 1) > 1;
    await fill(found);
  }
  if (!found.detail) await loadDetail(id);
  return found;
}

export async function loadDetail(id) {
  const detail = await look("conversations", id);
  const found = all.get(id);
  if (!found) return null;
  found.detail = detail;
  found.members = detail.members;
  tell("detail", id);
  return detail;
}

/** Messages before those that are known; how many. */
export async function earlier(id) {
  const found = all.get(id);
  const first = found.messages[0]?.sequence ?? 1;
  const { messages } = await look("conversations", id, "messages", { before: first, most: PAGE });
  // Unless others came in the meantime.
  if (found.messages[0]?.sequence !== first) return 0;
  found.messages = [...messages, ...found.messages];
  found.hasEarlier = messages.length === PAGE;
  return messages.length;
}

/** The newest are looked at: the oldest need not stay. */
export function trim(id) {
  const found = all.get(id);
  if (!found?.messages || found.messages.length <= KEPT) return false;
  found.messages = found.messages.slice(-KEPT);
  found.hasEarlier = true;
  return true;
}

const lastKnown = (found) => found.messages.at(-1)?.sequence ?? 0;

/** Fetches what is between the last message that is known and the last there is. */
async function fill(found) {
  if (found.filling) return;
  found.filling = true;
  try {
    while (found.messages && lastKnown(found) < found.sequence) {
      const after = lastKnown(found);
      const far = found.sequence - after > LONGEST_GAP;
      const { messages } = await look("conversations", found.id, "messages", far ? { most: PAGE } : { after, most: LONGEST_GAP });
      if (!messages.length) break;
      if (far) {
        found.messages = messages;
        found.hasEarlier = messages[0].sequence > 1;
      } else {
        found.messages.push(...messages.filter((each) => each.sequence > lastKnown(found)));
      }
    }
  } catch {
    // The connection tells when it is back, and then this is asked for again.
  } finally {
    found.filling = false;
  }
  tell("messages", found.id);
}

/** One frame of the open connection. */
export function take(frame) {
  const found = all.get(frame.conversation);
  if (frame.type === "message") {
    if (found) heard(found, frame);
    else meet(frame.conversation).then(() => tell("heard", frame.conversation, frame));
  } else if (frame.type === "conversation") {
    changed(found, frame);
  } else if (!found) {
    return;
  } else if (frame.type === "read") {
    marked(found, frame.marks);
  } else if (frame.type === "recalled") {
    replaceOne(found, { ...found.messages?.find((each) => each.sequence === frame.sequence), recalled: true, text: "", title: "", body: {} }, frame.sequence);
  } else if (frame.type === "replaced") {
    look("conversations", found.id, "messages", { after: frame.sequence - 1, most: 1 }).then(({ messages }) => replaceOne(found, messages[0], frame.sequence), () => {});
  } else if (frame.type === "card") {
    cardChanged(frame);
  }
}

function heard(found, message) {
  const isNew = message.sequence > found.sequence;
  found.sequence = Math.max(found.sequence, message.sequence);
  if (isNew) {
    found.last = message;
    if (!isMine(message)) found.unread++;
  }
  if (found.messages) {
    if (message.sequence === lastKnown(found) + 1 && !found.filling) {
      found.messages.push(message);
      tell("messages", found.id);
    } else if (message.sequence > lastKnown(found)) {
      fill(found);
    }
  }
  if (!isNew) return;
  tell("list");
  tell("heard", found.id, message);
}

function changed(found, frame) {
  if (frame.gone) {
    if (found) gone(found.id);
  } else if (!found) {
    meet(frame.conversation);
  } else {
    found.members = frame.members;
    found.owner = frame.owner;
    if (found.form === "group") found.title = frame.title;
    // Not all of a large group at once.
    if (found.detail) setTimeout(() => loadDetail(found.id).catch(() => {}), Math.random() * Math.min(2000, frame.members * 10));
    tell("list");
    tell("detail", found.id);
  }
}

function marked(found, marks) {
  if (marks[own.id]) {
    const [sequence] = marks[own.id];
    found.unread = Math.min(found.unread, Math.max(0, found.sequence - sequence));
    tell("list");
  }
  if (found.detail) {
    Object.assign(found.detail.marks, marks);
    tell("marks", found.id);
  }
}

function replaceOne(found, message, sequence) {
  if (!message) return;
  if (found.last?.sequence === sequence) found.last = { ...found.last, ...message };
  const place = found.messages?.findIndex((each) => each.sequence === sequence) ?? -1;
  if (place >= 0) found.messages[place] = message;
  tell("one", found.id, sequence);
  tell("list");
}

/** I have seen all that is there. */
export function markRead(id) {
  const found = all.get(id);
  if (!found || !found.unread) return;
  if (!send({ type: "read", conversation: id, sequence: found.sequence })) return;
  found.unread = 0;
  tell("list");
}

export async function setMuted(id, muted) {
  await change({ muted }, "conversations", id, "mute");
  const found = all.get(id);
  if (found) found.muted = muted;
  tell("list");
  tell("detail", id);
}

export async function changeMembers(id, asked) {
  const answer = await change(asked, "conversations", id, "members");
  if (answer.left) return gone(id);
  const found = all.get(id);
  if (found) Object.assign(found, { detail: answer, members: answer.members, robots: answer.robots });
  tell("detail", id);
  return undefined;
}

/** A conversation that is new here, as the list has it; its id. */
export async function open(asked) {
  const row = await change(asked, "conversations");
  if (!all.has(row.id)) adopt(row);
  tell("list");
  return row.id;
}

export const recall = (id, message) => change({}, "conversations", id, "messages", message.id, "recall");

/** Who of a conversation is called what. */
export function nameIn(id, userid) {
  const people = all.get(id)?.detail?.people ?? [];
  const found = people.find((each) => each.id === userid);
  if (!found) return userid;
  return people.filter((each) => each.name === found.name).length > 1 ? `${found.name} (${userid})` : found.name;
}

/** The number that robots may name somebody by; empty for who hides it. */
export const mobileIn = (id, userid) => all.get(id)?.detail?.people.find((each) => each.id === userid)?.mobile ?? "";

/** How many of the others have read a message. */
export function readers(id, sequence) {
  const detail = all.get(id)?.detail;
  if (!detail) return null;
  const others = detail.people.filter((each) => each.id !== own.id);
  return { read: others.filter((each) => (detail.marks[each.id]?.[0] ?? 0) >= sequence), of: others };
}
