// Messages of all types as elements. Whatever is in them is only ever text.

import { fileOf } from "./api.js";
import { card } from "./cards.js";
import { me, mobileIn, nameIn } from "./chats.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { link, picture, pictureElsewhere, target } from "./links.js";
import { markdown } from "./markdown.js";
import { t } from "./words.js";

const text = (value) => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");
const list = (value) => (Array.isArray(value) ? value.filter((each) => each !== null && typeof each === "object") : []);
const part = (value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});

/** What is in a message. `post(text)` says something in its conversation, for buttons that do. */
export function content(message, post) {
  if (message.recalled) return h("p", { class: "quiet" }, t("recalled"));
  const make = Object.hasOwn(TYPES, message.msgtype) ? TYPES[message.msgtype] : null;
  const made = make ? make(message, part(message.body), post) : null;
  return h("div", { class: `content is-${make ? message.msgtype : "text"}` }, made ?? plain(message.text || `[${message.msgtype}]`, message));
}

/** In one line, for the list and for whoever listens. */
export function summary(message) {
  if (message.recalled) return t("recalled");
  const label = { image: t("image"), file: t("file"), audio: t("audio"), voice: t("audio"), video: t("video"), card: t("card"), ding: "DING" }[message.msgtype];
  const isFile = ["image", "file", "audio", "voice", "video"].includes(message.msgtype);
  const words = isFile ? text(part(message.body).fileName)
    : named(message.title || message.text || "", message).map((node) => (typeof node === "string" ? node : node.textContent)).join("");
  const said = words.replace(/[#>*`]+/g, "").replace(/\s+/g, " ").trim().slice(0, 120);
  return label ? `[${label}] ${said}`.trim() : said || `[${message.msgtype}]`;
}

/** `@userid` and `@mobile` as the names of those who are meant. */
function named(words, message) {
  const ids = message.mentions ?? [];
  if (!ids.length && !message.everyone && !message.robots?.length) return [words];
  const meant = new Map(ids.map((id) => [`@${id}`, id]));
  for (const id of ids) if (mobileIn(message.conversation, id)) meant.set(`@${mobileIn(message.conversation, id)}`, id);
  const pattern = [...meant.keys(), `@${t("everyone")}`, "@所有人", "@Everyone"].sort((one, other) => other.length - one.length).map(escaped).join("|");
  return words.split(new RegExp(`(${pattern})`)).filter(Boolean).map((piece) => {
    if (meant.has(piece)) return h("span", { class: meant.get(piece) === me().id ? "mention own" : "mention" }, `@${nameIn(message.conversation, meant.get(piece))}`);
    return message.everyone && piece.startsWith("@") && new RegExp(`^(${pattern})$`).test(piece) ? h("span", { class: "mention own" }, piece) : piece;
  });
}

const escaped = (plain) => plain.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Lines as they came, with addresses that can be followed. */
function plain(words, message) {
  const pieces = words.split(/(https?:\/\/[^\s<>"'()\u3000-\u303f\uff00-\uffef]{1,2000})/);
  return h("p", { class: "lines" }, pieces.map((piece, place) => (place % 2 ? link(piece, piece) : named(piece, message))));
}

/** What texts and images in Markdown become. */
const inside = (message) => ({ words: (words) => named(words, message), image: (url, name) => shown(message, url, name) });

/** An image by the id of a file, or one from elsewhere. */
function shown(message, source, name = "") {
  const label = name || t("image");
  return isFile(source) ? picture(fileOf(message, source), label) : pictureElsewhere(source, label);
}

const isFile = (source) => /^@[\w-]+$/.test(source);

export function button(title, url, post, main = false) {
  const found = target(url);
  const attributes = { class: main ? "button main" : "button" };
  if (found?.say && post) return h("button", { ...attributes, type: "button", onclick: () => post(found.say) }, title);
  if (found?.href) return link(title, url, attributes);
  return h("button", { ...attributes, type: "button", disabled: true }, title);
}

function actionCard(message, body, post) {
  const one = text(body.singleTitle) ? [button(text(body.singleTitle), text(body.singleURL), post, true)] : [];
  const many = list(body.btns).map((each) => button(text(each.title), text(each.actionURL), post));
  return [
    text(body.title) ? h("p", { class: "heading level-4" }, text(body.title)) : null,
    markdown(text(body.text) || text(body.markdown), inside(message)),
    h("div", { class: String(body.btnOrientation ?? "0") === "1" ? "buttons" : "buttons upright" }, one, many),
  ];
}

function feedCard(message, body, post) {
  return list(body.links).map((each) =>
    h("div", { class: "feed" }, link(text(each.title), text(each.messageURL) || text(each.messageUrl)), thumbnail(message, text(each.picURL) || text(each.picUrl))));
}

/** Beside a text that says what it is about; one from elsewhere is not needed. */
const thumbnail = (message, source) => (isFile(source) ? shown(message, source) : null);

function linkCard(message, body) {
  return [
    h("p", { class: "heading level-4" }, link(text(body.title), text(body.messageUrl))),
    h("p", { class: "lines quiet" }, text(body.text)),
    thumbnail(message, text(body.picUrl)),
  ];
}

function image(message, body) {
  const source = text(body.mediaId) || text(body.picURL) || text(body.photoURL);
  if (!source) return null;
  return shown(message, source, text(body.fileName) || t("image.of", { name: message.sender.name }));
}

function file(message, body) {
  return h("p", { class: "file" }, icon("file"), h("a", { href: fileOf(message, text(body.mediaId)), download: text(body.fileName) || true }, text(body.fileName) || t("file")));
}

function audio(message, body) {
  const seconds = Number(body.duration) > 0 ? ` ${Math.round(Number(body.duration) > 600 ? body.duration / 1000 : body.duration)}″` : "";
  return [
    h("audio", { controls: true, preload: "none", src: fileOf(message, text(body.mediaId)), "aria-label": t("audio") + seconds }),
    text(body.recognition) ? h("p", { class: "quiet" }, text(body.recognition)) : null,
  ];
}

function video(message, body) {
  return h("video", { controls: true, preload: "none", src: fileOf(message, text(body.mediaId) || text(body.videoMediaId)), "aria-label": t("video") });
}

function oa(message, body) {
  const inner = part(body.body);
  const rich = part(inner.rich);
  const url = text(body.message_url) || text(body.pc_message_url);
  return [
    text(part(body.head).text) ? h("p", { class: "small quiet" }, text(part(body.head).text)) : null,
    text(part(body.status_bar).status_value) ? h("p", {}, h("span", { class: "badge plain" }, text(part(body.status_bar).status_value))) : null,
    text(inner.title) ? h("p", { class: "heading level-4" }, url ? link(text(inner.title), url) : text(inner.title)) : null,
    list(inner.form).length ? h("dl", {}, list(inner.form).map((row) => [h("dt", {}, text(row.key)), h("dd", {}, text(row.value))])) : null,
    text(rich.num) ? h("p", { class: "figure" }, text(rich.num), " ", h("span", { class: "small" }, text(rich.unit))) : null,
    text(inner.content) ? h("p", { class: "lines" }, text(inner.content)) : null,
    text(inner.image) ? shown(message, text(inner.image)) : null,
    h("p", { class: "small quiet" }, [text(inner.file_count) ? t("files", { n: text(inner.file_count) }) : "", text(inner.author)].filter(Boolean).join(" · ")),
    !text(inner.title) && url ? h("p", {}, link(t("open"), url)) : null,
  ];
}

function ding(message, body) {
  const way = ["sms", "phone"].includes(body.way) ? t(`ding.${body.way}`) : t("ding.app");
  return [h("p", {}, h("span", { class: "badge bad" }, "DING"), " ", h("span", { class: "small quiet" }, way)), plain(text(body.content) || message.text, message)];
}

const TYPES = {
  text: (message) => plain(message.text, message),
  markdown: (message) => markdown(message.text, inside(message)),
  link: linkCard,
  actionCard,
  feedCard,
  image,
  file,
  audio,
  voice: audio,
  video,
  oa,
  ding,
  card: (message, body, post) => card(message, text(body.outTrackId), inside(message), post),
};
