// The organisation, as the page needs it: who is called what, and in which colour.

import { duty } from "./api.js";
import { setNow, setZone } from "./time.js";
import { language, t } from "./words.js";

let whole = null;
let caller = "";
let hues = new Map();

/** Fetches it; everything else here is about what was fetched last. */
export async function loadOrganisation() {
  const answer = await duty("GetOrganisation");
  whole = answer.Organisation;
  caller = answer.Caller;
  // Neighbours in the file get hues that are far apart: the golden angle, in degrees.
  hues = new Map(whole.people.map((person, place) => [person.id, (place * 137.508) % 360]));
  setZone(whole.time_zone);
  setNow(answer.At);
  return answer;
}

export function forgetOrganisation() {
  whole = null;
}

export const organisation = () => whole;
/** The id of who signed in, empty for somebody who is nobody here. */
export const me = () => caller;
export const post = (id) => whole.posts.find((each) => each.id === id);
export const person = (id) => whole.people.find((each) => each.id === id);

/** Namesakes are told apart by their ids. */
export function nameOf(id) {
  if (!id) return t("nobody");
  const found = person(id);
  if (!found) return id;
  const namesakes = whole.people.filter((each) => each.name === found.name).length > 1;
  return namesakes ? `${found.name} (${id})` : found.name;
}

export const titleOf = (item) => (language() === "zh" && item.title_zh ? item.title_zh : item.title) || item.id;
export const postTitle = (id) => (post(id) ? titleOf(post(id)) : id);
export const unitTitle = (id) => {
  const found = whole.units.find((each) => each.id === id);
  return found ? titleOf(found) : id;
};

/** Light enough for dark letters, in every theme. */
export const colourOf = (id) => `hsl(${(hues.get(id) ?? 0).toFixed(1)} 62% 74%)`;
