// The way to the cloud: calls of the page as JSON, with the session's cookie.

/** What the cloud refused: `code` for programs, `message` for people. */
export class Refusal extends Error {
  constructor(status, answer) {
    super(answer.Message ?? "");
    this.status = status;
    this.code = answer.Code ?? "";
  }
}

async function send(method, path, body) {
  let response, answer;
  try {
    response = await fetch(path, {
      method,
      headers: method === "POST" ? { "Content-Type": "application/json" } : {},
      body: method === "POST" ? JSON.stringify(body) : undefined,
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
