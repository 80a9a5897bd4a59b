"""What the chat page is refused with."""

from __future__ import annotations

from kowloon.core.errors import ErrorSpec

UNAVAILABLE = ErrorSpec("ServiceUnavailable", 503, "The messenger is not available at the moment.")
ORIGIN_NEEDED = ErrorSpec("OriginRequired", 403, "A connection that stays open begins on the page.")
NO_SUCH_CALL = ErrorSpec("NotFound", 404, "The chat page has no call {name!r}.")
WRONG_METHOD = ErrorSpec("MethodNotAllowed", 405, "This call takes {methods}.")
BODY_TOO_LARGE = ErrorSpec("BodyTooLarge", 413, "A call of the page has {most} bytes at most.")
FILE_NEEDED = ErrorSpec("FileRequired", 415, "Send the file itself, as `Content-Type: {type}`.")
FILE_KIND = ErrorSpec("InvalidFileKind", 400, "A file goes as image or as file, under a name.")
NO_FILE = ErrorSpec("FileNotFound", 404, "There is no such file in this message.")
NO_CONVERSATION = ErrorSpec("ConversationNotFound", 404, "There is no such conversation, or you are not in it.")
NO_MESSAGE = ErrorSpec("MessageNotFound", 404, "There is no such message in the conversation.")
NO_PERSON = ErrorSpec("PersonNotFound", 404, "Your organisation has no {userid!r}.")
NO_ROBOT = ErrorSpec("RobotNotFound", 404, "Your organisation has no robot {id!r}.")
NOT_YOURS = ErrorSpec("NotYourMessage", 403, "Only who said it can take it back.")
TOO_LATE = ErrorSpec("TooLate", 400, "It can be taken back for {hours} hours; that time is over.")
NOT_A_GROUP = ErrorSpec("NotAGroup", 400, "Only groups have members that come and go.")
NOT_ALLOWED = ErrorSpec("NotAllowed", 403, "Only the group's owner and its administrators may do that.")
OWNER_STAYS = ErrorSpec("OwnerStays", 400, "The owner of a group cannot be taken out of it.")
TITLE = ErrorSpec("InvalidTitle", 400, "A title has 1 to {most} characters.")
NOBODY_ELSE = ErrorSpec("NobodyElse", 400, "A conversation needs somebody else.")
ONE_OTHER = ErrorSpec("OneOther", 400, "Say with whom: one person or one robot.")
RANGE = ErrorSpec("InvalidRange", 400, "{name} is a number from {least} to {most}.")

# On the open connection, where they have no status.
FRAME = ErrorSpec("InvalidFrame", 400, "That is no message of this page: {problem}.")
EMPTY = ErrorSpec("EmptyMessage", 400, "There is nothing in it.")
TOO_LONG = ErrorSpec("MessageTooLong", 400, "A message has {most} bytes at most.")
TYPE = ErrorSpec("UnsupportedType", 400, "People cannot say something of type {type!r}.")
NO_UPLOAD = ErrorSpec("FileNotFound", 400, "That file was not uploaded.")
BANNED = ErrorSpec("SpeakingBanned", 403, "In this group only its owner and administrators speak at the moment.")
NOT_EVERYONE = ErrorSpec("EveryoneNotAllowed", 403, "In this group only its owner and administrators address everyone.")
UNIQUE = ErrorSpec("InvalidUnique", 400, "A message needs a name of its own, of 1 to {most} characters.")
TOO_FAST = ErrorSpec("TooFast", 429, "That is too fast: wait a moment.")
NOT_KEPT = ErrorSpec("NotKept", 503, "The message could not be kept. Send it again.")
TOO_MANY_OPEN = ErrorSpec("TooManyOpen", 429, "You have the page open {most} times already.")
