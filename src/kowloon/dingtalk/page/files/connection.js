// The open connection: tells what happens, sends what waits in the outbox, one after the other, so that their order is the
// order in which they were typed; and comes back when it breaks.

import { Refusal, signedIn } from "./api.js";
import * as outbox from "./outbox.js";
import { told } from "./refusals.js";

const FIRST_MS = 300;
const MOST_MS = 10_000;
// So long an answer may take before the connection counts as dead.
const PATIENCE_MS = 15_000;
const AGAIN_MS = 1_000;
const SIGNED_OUT = 4401;
// What may be different a moment later.
const PASSING = new Set(["TooFast", "NotKept", "ServiceUnavailable"]);

let socket = null;
let handlers = null;
let failures = 0;
let timer = null;
let sending = null;
let patience = null;
let pause = null;

/** `frame(told)`, `opened()` each time, `status(is it open)`, `outbox(conversation)` when that is different there. */
export function connect(given) {
  handlers = given;
  failures = 0;
  open();
}

export function disconnect() {
  handlers = null;
  clearTimeout(timer);
  forget();
  socket?.close();
  socket = null;
}

export function send(frame) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(frame));
  return true;
}

/** Something waits in the outbox, perhaps. */
export function flush() {
  if (sending !== null || pause !== null || socket?.readyState !== WebSocket.OPEN) return;
  const item = outbox.next();
  if (!item) return;
  sending = item;
  const { conversation, unique, msgtype, text = "", at = [], media = "" } = item;
  send({ type: "say", conversation, unique, msgtype, text, at, media });
  patience = setTimeout(() => socket?.close(), PATIENCE_MS);
}

function forget() {
  sending = null;
  clearTimeout(patience);
  clearTimeout(pause);
  pause = null;
}

function open() {
  clearTimeout(timer);
  const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/dingtalk/live`);
  socket = mine;
  mine.addEventListener("open", () => {
    if (mine !== socket) return;
    failures = 0;
    handlers.status(true);
    handlers.opened();
    flush();
  });
  mine.addEventListener("message", (event) => mine === socket && take(JSON.parse(event.data)));
  mine.addEventListener("close", (event) => mine === socket && closed(event));
}

async function closed(event) {
  forget();
  handlers.status(false);
  // A refused handshake says nothing of why.
  const who = event.code === SIGNED_OUT || failures ? await signedIn().catch(() => null) : null;
  if (handlers === null) return;
  if (who !== null && !who.signed_in) {
    dispatchEvent(new Event("signed-out"));
    return;
  }
  // Not all pages at once when a server comes back.
  const wait = Math.min(MOST_MS, FIRST_MS * 2 ** failures++) * (0.5 + Math.random());
  timer = setTimeout(open, wait);
}

addEventListener("online", () => {
  if (handlers !== null && (socket === null || socket.readyState === WebSocket.CLOSED)) open();
});
addEventListener("offline", () => socket?.close());

function take(frame) {
  if (frame.type === "said") answered(frame.unique, () => outbox.drop(frame.unique));
  else if (frame.type === "refused") refused(frame);
  else handlers.frame(frame);
}

function answered(unique, settle) {
  if (sending?.unique !== unique) return;
  const { conversation } = sending;
  forget();
  settle();
  handlers.outbox(conversation);
  flush();
}

function refused({ unique, code, message }) {
  if (sending?.unique !== unique) return;
  if (PASSING.has(code)) {
    forget();
    pause = setTimeout(() => {
      pause = null;
      flush();
    }, AGAIN_MS);
  } else {
    answered(unique, () => outbox.fail(unique, told(new Refusal(400, { Code: code, Message: message }))));
  }
}
