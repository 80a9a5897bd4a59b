// The way to the cloud: calls of the page as JSON, with the session's cookie.

/** What the cloud refused: `code` for programs, `message` for people. */
export class Refusal extends Error {
  constructor(status, answer) {
    super(answer.Message ?? "");
    this.status = status;
    this.code = answer.Code ?? "";
  }
}

const send = (method, path, body) => sendAs("application/json", method, path, method === "POST" ? JSON.stringify(body) : undefined);

async function sendAs(type, method, path, body) {
  let response, answer;
  try {
    response = await fetch(path, {
      method,
      headers: method === "POST" ? { "Content-Type": type } : {},
      body,
      credentials: "same-origin",
      cache: "no-store",
    });
    answer = await response.json();
  } catch {
    throw new Refusal(0, { Code: "Unreachable" });
  }
  if (!response.ok) {
    if (answer.Code === "SignInRequired") dispatchEvent(new Event("signed-out"));
    throw new Refusal(response.status, answer);
  }
  return answer;
}

/** With a console user's name. */
export const signIn = (body) => send("POST", "/sign-in", body);
/** With the messenger's own. */
export const signInHere = (body) => send("POST", "/dingtalk/sign-in", body);
export const signedIn = () => send("GET", "/dingtalk/signed-in");

export async function signOut() {
  await send("POST", "/dingtalk/sign-out", {});
  await send("POST", "/sign-out", {});
}

const path = (parts) => `/dingtalk/api/${parts.map(encodeURIComponent).join("/")}`;

/** `look("conversations", id)`, with a query where the last one is an object. */
export function look(...parts) {
  const query = typeof parts.at(-1) === "object" ? new URLSearchParams(parts.pop()) : "";
  return send("GET", path(parts) + (query ? `?${query}` : ""));
}

/** `change({ muted: true }, "conversations", id, "mute")`. */
export const change = (body, ...parts) => send("POST", path(parts), body);

/** A file of the reader's; `{ media }` stands for it in a message. `kind`: image or file. */
export const upload = (kind, file) =>
  sendAs("application/octet-stream", "POST", `${path(["media"])}?${new URLSearchParams({ type: kind, name: file.name })}`, file);

/** Where a file of a message is. */
export const fileOf = (message, media) => path(["conversations", message.conversation, "messages", message.id, "media", media]);
