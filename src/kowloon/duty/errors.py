"""Error codes of Duty. They are ours: the vendor has no such product."""

from kowloon.core.errors import ErrorSpec

NO_ORGANISATION = ErrorSpec(
    "OrganisationNotFound", 404, "This account has no organisation; apply a file with `kowloon duty apply FILE`."
)
INVALID_FILE = ErrorSpec("InvalidOrganisation", 400, "{problems}")
POST_NOT_FOUND = ErrorSpec("PostNotFound", 404, "There is no post {id}{hint}.")
PERSON_NOT_FOUND = ErrorSpec("PersonNotFound", 404, "There is no person {id}{hint}.")
LAYER_NOT_FOUND = ErrorSpec("LayerNotFound", 404, "The post {post} has no layer {id}.")
SHIFT_NOT_FOUND = ErrorSpec("ShiftNotFound", 404, "There is no planned turn {id}.")
SHIFT_OVER = ErrorSpec("ShiftOver", 400, "The turn {id} is over.")
NOT_YOURS = ErrorSpec("ShiftNotYours", 400, "The turn {id} is {person}'s.")
TENURE_NOT_FOUND = ErrorSpec("TenureNotFound", 404, "There is no tenure {id}.")
TENURE_OVER = ErrorSpec("TenureOver", 400, "The tenure {id} has ended.")
ABSENCE_NOT_FOUND = ErrorSpec("AbsenceNotFound", 404, "There is no absence {id}.")
PLAN_NOT_FOUND = ErrorSpec("PlanNotFound", 404, "There is no plan {id}.")
PLAN_NOT_DONE = ErrorSpec("PlanNotDone", 400, "The plan {id} is {state}; only one that is done can be adopted.")
PLAN_OUTDATED = ErrorSpec(
    "PlanOutdated", 409, "What the plan {id} was made from has changed since; make another with `kowloon duty plan`."
)
PLAN_WHAT_IF = ErrorSpec("PlanIsWhatIf", 400, "The plan {id} answers a what-if; it cannot be adopted.")
NO_PLAN = ErrorSpec("NoPlan", 400, "The plan {id} has no turns: {why}")
ASKING_NOT_FOUND = ErrorSpec("RequestNotFound", 404, "There is no request {id}.")
ASKING_OVER = ErrorSpec("RequestOver", 400, "The request {id} is {state}.")
NOT_ASKED = ErrorSpec("NotAsked", 400, "{person} has not been asked by the request {id}.")
PAGE_NOT_FOUND = ErrorSpec("PageNotFound", 404, "There is no page {id}.")
PAGE_OVER = ErrorSpec("PageOver", 400, "The page {id} is {state}.")
NO_LADDER = ErrorSpec("NoLadder", 400, "The post {post} has no ladder; name one in the organisation's file.")
NOT_POSSIBLE = ErrorSpec("NotPossible", 400, "{person} cannot hold {post}: {why}.")
NOBODY_LEFT = ErrorSpec("NobodyLeft", 400, "Nobody can act in {post}: {why}.")
LIMIT_REACHED = ErrorSpec(
    "ExtensionLimit", 400, "The acting tenure {id} was extended {count} times, the most there is."
)
TIME_ORDER = ErrorSpec("InvalidTime", 400, "{why}")
RULE_BROKEN = ErrorSpec("RuleBroken", 400, "The change would break a rule: {why}")
NOT_HOLDING = ErrorSpec("NotHolding", 400, "{person} neither holds {post} nor has a turn of it to come.")
NOT_NEEDED = ErrorSpec("NotNeeded", 400, "{post} needs nobody now: none of its turns runs.")
NOT_ACTING = ErrorSpec("NotActing", 400, "Nobody acts in {post} now.")
NO_CALENDAR = ErrorSpec("InvalidCalendar", 400, "This is no iCalendar that can be read: {why}.")
