// Where links of messages lead: to pages of the web, or to a message that is posted; nowhere else.

import { h } from "./dom.js";

const WRAPPED = 3;

/** `{ href }`, `{ say }` for a button that posts a text, or null for what is followed nowhere. */
export function target(text) {
  let url = String(text ?? "").trim();
  for (let depth = 0; depth < WRAPPED; depth++) {
    const parsed = parse(url);
    if (parsed === null) return null;
    if (parsed.protocol === "dtmd:") {
      const content = isTalk(parsed, "/sendMessage") ? parsed.searchParams.get("content") : "";
      return content ? { say: content } : null;
    }
    if (parsed.protocol !== "dingtalk:") return parsed.protocol === "http:" || parsed.protocol === "https:" ? { href: parsed.href } : null;
    url = isTalk(parsed, "/page/link") ? parsed.searchParams.get("url") ?? "" : "";
  }
  return null;
}

function parse(url) {
  try {
    return url ? new URL(url, location.origin) : null;
  } catch {
    return null;
  }
}

// Browsers differ in whether they find a host in addresses whose scheme they do not know.
const isTalk = (parsed, path) => `${parsed.host}${parsed.pathname}`.replace(/^\/+/, "") === `dingtalkclient${path}`;

/** A link in a tab of its own that learns nothing of where it came from; plain text for what leads nowhere. */
export function link(text, url, attributes = {}) {
  const found = target(url);
  if (!found?.href) return h("span", attributes, text);
  return h("a", { ...attributes, href: found.href, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** An image out of the messenger, at `address`. */
export const picture = (address, name) =>
  h("a", { class: "picture", href: address, target: "_blank", rel: "noopener noreferrer" }, h("img", { src: address, alt: name, loading: "lazy" }));

/** One from elsewhere would tell its owner who looks at it: it is only a link. */
export const pictureElsewhere = (url, name) => link(name, url);
