// What people change by hand, each a question in a dialog. All of them look again once it is done.

import { duty } from "./api.js";
import { ask } from "./dialog.js";
import { h, option, say } from "./dom.js";
import { behalf, given, personSelect, postSelect, textArea, textInput, timeInput } from "./forms.js";
import { me, nameOf, post, postTitle } from "./people.js";
import { again } from "./router.js";
import { DAY, iso, now, parse, showTime } from "./time.js";
import { t } from "./words.js";

/** `told`: a text, or a function that makes it of the answer. */
async function done(asked, told) {
  const result = await asked;
  if (result === undefined) return;
  say(typeof told === "string" ? told : told(result));
  again();
}

const personField = (label = t("person"), more = {}) => ({ name: "PersonId", label, control: personSelect(more) });
const reasonField = () => ({ name: "Reason", label: t("reason"), control: textInput() });
const untilField = (hint) => ({ name: "Until", label: t("until"), control: timeInput(), hint });

export function takeOver(postId) {
  const fields = [personField(t("take-over.who")), untilField(t("take-over.until")), reasonField()];
  const act = ({ PersonId, Until, Reason }) =>
    duty("TakeOver", { PostId: postId, PersonId: behalf(PersonId), Until: given(Until), Reason });
  return done(ask(t("take-over.title", { post: postTitle(postId) }), fields, act, { action: t("take-over") }), t("done.take-over"));
}

export function callPage(postId = "") {
  const severity = h("select", {}, ["low", "high", "critical"].map((each) => option(each, t(`severity.${each}`), "high")));
  const fields = [
    { name: "PostId", label: t("post"), control: postSelect({ chosen: postId }) },
    { name: "Title", label: t("page.title"), control: textInput(true) },
    { name: "Text", label: t("page.text"), control: textArea() },
    { name: "Severity", label: t("severity"), control: severity, hint: t("severity.hint") },
  ];
  return done(ask(t("page.new"), fields, (values) => duty("CreatePage", values), { action: t("page.send") }), t("done.page"));
}

export function leaveNote(postId) {
  const fields = [personField(t("note.by")), { name: "Text", label: t("note.text"), control: textArea(true) }];
  const act = ({ PersonId, Text }) => duty("CreateHandOverNote", { PostId: postId, PersonId: behalf(PersonId), Text });
  return done(ask(t("note.new", { post: postTitle(postId) }), fields, act, { action: t("note.leave") }), t("done.note"));
}

export function appointActing(postId) {
  const fields = [personField(t("person"), { chosen: "", none: t("acting.next") }), untilField(t("acting.until")), reasonField()];
  const act = ({ PersonId, Until, Reason }) => duty("AppointActing", { PostId: postId, PersonId, Until: given(Until), Reason });
  return done(ask(t("acting.title", { post: postTitle(postId) }), fields, act, { action: t("appoint") }), t("done.appointed"));
}

export function extendActing(postId) {
  const days = post(postId).acting.most_days;
  return done(ask(t("extend.title", { post: postTitle(postId) }), [], () => duty("ExtendActing", { PostId: postId }),
    { action: t("extend"), text: t("extend.text", { n: days }) }), t("done.extended"));
}

export function appointHolder(postId) {
  const fields = [
    personField(t("person"), { chosen: "" }),
    { name: "From", label: t("from"), control: timeInput(), hint: t("from.now") },
    untilField(t("appoint.until")),
  ];
  const act = ({ PersonId, From, Until }) =>
    duty("AppointHolder", { PostId: postId, PersonId, From: given(From), Until: given(Until) });
  return done(ask(t("appoint.title", { post: postTitle(postId) }), fields, act, { action: t("appoint") }), t("done.appointed"));
}

export function createOverride(postId) {
  const layers = post(postId).layers.map((layer) => option(layer.id, layer.id, ""));
  const fields = [
    personField(),
    { name: "From", label: t("from"), control: timeInput(), hint: t("from.now") },
    { name: "To", label: t("until"), control: timeInput(now() + DAY, true) },
    { name: "Layer", label: t("layer"), control: h("select", {}, option("", t("layer.all"), ""), layers) },
    reasonField(),
  ];
  const act = ({ PersonId, From, To, Layer, Reason }) =>
    duty("CreateOverride", { PostId: postId, PersonId: behalf(PersonId), From: given(From), To: given(To), Layer, Reason });
  return done(ask(t("override.title", { post: postTitle(postId) }), fields, act, { action: t("override") }), t("done.override"));
}

export function resign(postId) {
  const fields = [personField(), { name: "At", label: t("resign.at"), control: timeInput(), hint: t("from.now") }];
  const act = ({ PersonId, At }) => duty("Resign", { PostId: postId, PersonId: behalf(PersonId), At: given(At) });
  return done(ask(t("resign.title", { post: postTitle(postId) }), fields, act, { action: t("resign"), bad: true, text: t("resign.text") }), t("done.resigned"));
}

export function endTenure(tenure) {
  const title = t("tenure.end.title", { person: nameOf(tenure.PersonId), post: postTitle(tenure.PostId) });
  return done(ask(title, [], () => duty("EndTenure", { TenureId: tenure.TenureId }), { action: t("end-now"), bad: true }), t("done.ended"));
}

export function beAway() {
  const fields = [
    personField(t("away.who")),
    { name: "From", label: t("from"), control: timeInput(), hint: t("from.now") },
    { name: "To", label: t("until"), control: timeInput(), hint: t("away.until") },
    { name: "Note", label: t("note"), control: textInput() },
  ];
  const act = ({ PersonId, From, To, Note }) =>
    duty("CreateAbsence", { PersonId: behalf(PersonId), From: given(From), To: given(To), Note });
  return done(ask(t("away.title"), fields, act, { action: t("away.do") }), t("done.away"));
}

export function comeBack(absence) {
  const act = () => duty("EndAbsence", { AbsenceId: absence.AbsenceId, PersonId: behalf(absence.PersonId) });
  const begun = parse(absence.From) <= now();
  const title = t(begun ? "back.title" : "back.forget", { person: nameOf(absence.PersonId) });
  return done(ask(title, [], act, { action: t(begun ? "back" : "delete") }), t("done.back"));
}

export function importAbsences() {
  const file = h("input", { type: "file", accept: ".ics,text/calendar", required: true });
  const fields = [personField(t("away.who")), { name: "file", label: t("calendar.file"), control: file, hint: t("calendar.hint") }];
  const act = async ({ PersonId }) => duty("ImportCalendar", { PersonId: PersonId || me(), Calendar: await file.files[0].text() });
  return done(ask(t("calendar.import"), fields, act, { action: t("calendar.import") }),
    (answer) => t("done.imported", { n: answer.Absences, skipped: answer.Skipped }));
}

/** `turn`: an item of ListTurns. */
const turnText = (turn) => t("turn", { post: postTitle(turn.PostId), from: showTime(parse(turn.From)), to: showTime(parse(turn.To)) });

export function askEveryone(turn) {
  const wait = h("input", { type: "number", min: "1", max: "10080", value: "15", required: true });
  const fields = [
    { name: "WaitMinutes", label: t("cover.wait"), control: wait, hint: t("cover.hint") },
    { name: "Note", label: t("note"), control: textInput() },
  ];
  const act = ({ WaitMinutes, Note }) =>
    duty("RequestCover", { ShiftId: turn.ShiftId, PersonId: behalf(turn.PersonId), WaitMinutes: Number(WaitMinutes), Note });
  return done(ask(t("cover.title"), fields, act, { action: t("cover.ask"), text: turnText(turn) }), t("done.asked"));
}

/** Asks the person who has one of `others` to take one of `mine` for it. */
export function askSwap(mine, others) {
  const choices = (turns, text) => h("select", { required: true }, turns.map((turn) => option(turn.ShiftId, text(turn), "")));
  const fields = [
    { name: "ShiftId", label: t("swap.mine"), control: choices(mine, turnText) },
    { name: "OtherShiftId", label: t("swap.for"), control: choices(others, (turn) => `${nameOf(turn.PersonId)} · ${turnText(turn)}`) },
    { name: "Note", label: t("note"), control: textInput() },
  ];
  const act = ({ ShiftId, OtherShiftId, Note }) =>
    duty("RequestSwap", { ShiftId, OtherShiftId, PersonId: behalf(mine[0]?.PersonId ?? ""), Note });
  return done(ask(t("swap.title"), fields, act, { action: t("swap.ask"), text: t("swap.hint") }), t("done.asked"));
}

export function giveTurn(turn) {
  const fields = [personField(), reasonField()];
  const act = ({ PersonId, Reason }) => duty("GiveTurn", { ShiftId: turn.ShiftId, PersonId: behalf(PersonId), Reason });
  return done(ask(t("give.title"), fields, act, { action: t("give"), text: turnText(turn) }), t("done.given"));
}

export function answerRequest(request, agree, person = me()) {
  const act = () => duty("AnswerRequest", { RequestId: request.RequestId, Agree: agree, PersonId: behalf(person) });
  const title = t(agree ? "request.agree.title" : "request.decline.title");
  return done(ask(title, [], act, { action: t(agree ? "agree" : "decline") }), t(agree ? "done.agreed" : "done.declined"));
}

export function withdrawRequest(request) {
  const act = () => duty("WithdrawRequest", { RequestId: request.RequestId, PersonId: behalf(request.PersonId) });
  return done(ask(t("request.withdraw.title"), [], act, { action: t("withdraw"), bad: true }), t("done.withdrawn"));
}

export function acknowledge(page) {
  const fields = [personField(t("ack.by")), { name: "Text", label: t("note"), control: textInput() }];
  const act = ({ PersonId, Text }) => duty("AcknowledgePage", { PageId: page.PageId, PersonId: behalf(PersonId), Text });
  return done(ask(t("ack.title"), fields, act, { action: t("ack") }), t("done.acknowledged"));
}

export function reassign(page) {
  const fields = [{ name: "To", label: t("reassign.to"), control: personSelect({ chosen: "" }) }, { name: "Text", label: t("note"), control: textInput() }];
  const act = ({ To, Text }) => duty("ReassignPage", { PageId: page.PageId, To, Text });
  return done(ask(t("reassign.title"), fields, act, { action: t("reassign") }), t("done.reassigned"));
}

export function silence(page) {
  const fields = [{ name: "Until", label: t("until"), control: timeInput(now() + DAY / 24, true) }, { name: "Text", label: t("note"), control: textInput() }];
  const act = ({ Until, Text }) => duty("SilencePage", { PageId: page.PageId, Until: given(Until), Text });
  return done(ask(t("silence.title"), fields, act, { action: t("silence") }), t("done.silenced"));
}

export function resolvePage(page) {
  const fields = [personField(t("resolve.by")), { name: "Text", label: t("note"), control: textInput() }];
  const act = ({ PersonId, Text }) => duty("ResolvePage", { PageId: page.PageId, PersonId: behalf(PersonId), Text });
  return done(ask(t("resolve.title"), fields, act, { action: t("resolve") }), t("done.resolved"));
}

/** The turns to come of a person, or of everybody but one; in one post, or in all. */
export async function turnsOf({ person = "", but = "", post = "", days = 90 }) {
  const parameters = { From: iso(now()), To: iso(now() + days * DAY), PostId: post, PersonId: person, MaxResults: 1000 };
  const answer = await duty("ListTurns", parameters);
  return answer.Turns.filter((turn) => turn.PersonId !== but && parse(turn.From) > now());
}
