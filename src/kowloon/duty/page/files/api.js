// The way to the cloud: actions as JSON, with the session's cookie.

/** What the cloud refused: `code` for programs, `message` for people; `action` is what was asked for. */
export class Refusal extends Error {
  constructor(status, answer, action) {
    super(answer.Message ?? "");
    this.status = status;
    this.code = answer.Code ?? "";
    this.detail = answer.AccessDeniedDetail ?? null;
    this.action = action;
  }
}

async function send(method, path, body, action) {
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
    throw new Refusal(0, { Code: "Unreachable" }, action);
  }
  if (!response.ok) {
    if (answer.Code === "SignInRequired") dispatchEvent(new Event("signed-out"));
    throw new Refusal(response.status, answer, action);
  }
  return answer;
}

export const signIn = (body) => send("POST", "/sign-in", body, "SignIn");
export const signOut = () => send("POST", "/sign-out", {}, "SignOut");
export const signedIn = () => send("GET", "/signed-in", null, "SignedIn");

/** One action of Duty. What is empty is left out. */
export function duty(action, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return send("POST", `/api/Duty/${action}`, Object.fromEntries(given), action);
}

/** What has happened last: nothing has changed while that is the same. */
export async function lastHappening() {
  return (await duty("ListHistory", { MaxResults: 1 })).Happenings;
}
