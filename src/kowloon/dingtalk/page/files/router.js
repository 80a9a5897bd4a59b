// Where one is, by the address: `#/chat?id=cid...&side=people`.

/** `{ id, side }`: the conversation that is open and what is beside it; empty for none. */
export function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const params = new URLSearchParams(query ?? "");
  return path === "chat" ? { id: params.get("id") ?? "", side: params.get("side") ?? "" } : { id: "", side: path === "person" ? `person:${params.get("id")}` : "" };
}

export function address({ id = "", side = "" } = {}) {
  if (!id) return side ? `#/person?${new URLSearchParams({ id: side.replace(/^person:/, "") })}` : "#/";
  return `#/chat?${new URLSearchParams(side ? { id, side } : { id })}`;
}

export function go(where) {
  location.hash = address(where);
}
