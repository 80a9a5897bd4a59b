"""Objects that the service fetches from elsewhere: PutAsyncFetchTask, GetAsyncFetchTask.

Known deviations: who may write the object is decided when the task is put, and what the source redirects to is not
followed. Addresses of this cloud itself are out of bounds, as for callbacks.
"""

from __future__ import annotations

import base64
import re
from typing import ClassVar, Final

from kowloon.engines.dialler import check_url
from kowloon.services.oss import answers
from kowloon.services.oss.access import access
from kowloon.services.oss.buckets.settings import bucket_as_it_is, truth
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import INVALID_OBJECT_NAME, MISSING_ARGUMENT, OBJECT_EXISTS, invalid
from kowloon.services.oss.objects.writing import check_overwrite
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.runs.effect_errors import NO_SUCH_FETCH_TASK, TOO_MANY_FETCH_TASKS
from kowloon.services.oss.uploads.callback import key_url, read_callback
from kowloon.store.resources import Resource
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.addressing import valid_object_name
from kowloon.wire.oss.xml import Content, document, elements

RUNNING: Final = "Running"
RETRY: Final = "Retry"
SUCCESS: Final = "Success"
FAILED: Final = "Failed"
CALLBACK_FAILED: Final = "FetchSuccessCallbackFailed"
MOST_UNDER_WAY: Final = 1000
_TASK_HEADER: Final = "x-oss-task-id"
_HOST: Final = re.compile(r"[A-Za-z0-9._\[\]:-]{0,255}")


class FetchTask(Resource, frozen=True, kw_only=True):
    """`volume` is that of the bucket it was put for. `callback` as it was sent. `key_url` and `request_id` are told to
    who is called back. `ended_at` is 0 while it is under way."""

    kind: ClassVar[str] = "oss-fetch-task"

    bucket: str
    volume: int
    url: str
    object_name: str
    host: str
    content_md5: str
    callback: str
    ignore_same_key: bool
    callback_when_failed: bool
    key_url: str
    request_id: str
    state: str = RUNNING
    error: str = ""
    ended_at: float = 0.0


oss.keeps(FetchTask)


@oss.operation("PutAsyncFetchTask", "bucket", "POST", "asyncFetch", body=Body.DOCUMENT)
async def put_async_fetch_task(call: Call) -> HttpResponse:
    task = _wanted(call)
    access.check(call, "PutObject", call.bucket, task.object_name, "write")
    call.address = call.address.with_key(task.object_name)
    current = call.space.current(task.object_name)
    if task.ignore_same_key and current is not None and not current.meta.marker:
        raise OBJECT_EXISTS.error(extra={"Key": task.object_name})
    check_overwrite(call)

    def body(tx: Transaction) -> None:
        bucket_as_it_is(call, tx)
        tasks = tx.list(FetchTask, account=task.account)
        if sum(not each.ended_at for each in tasks) >= MOST_UNDER_WAY:
            raise TOO_MANY_FETCH_TASKS.error(most=MOST_UNDER_WAY)
        tx.put(task)

    await call.parts.store.run(body)
    return answers.document(document("AsyncFetchTaskResult", elements({"TaskId": task.id})))


def _wanted(call: Call) -> FetchTask:
    node = call.document("AsyncFetchTaskConfiguration")
    url, key, host = node.text("Url"), node.text("Object"), node.text("Host")
    content_md5, callback = node.text("ContentMD5"), node.text("Callback")
    try:
        check_url(url)
    except ValueError:
        raise invalid("Url", url) from None
    if not valid_object_name(key):
        raise INVALID_OBJECT_NAME.error(extra={"ObjectName": key})
    if _HOST.fullmatch(host) is None:
        raise invalid("Host", host)
    if content_md5 and not _is_md5(content_md5):
        raise invalid("ContentMD5", content_md5)
    if callback and read_callback(callback, {}) is None:
        raise invalid("Callback", callback, "The callback names no URL.")
    bucket = call.bucket
    return FetchTask(
        id=call.parts.ids.hex(32).lower(),
        account=bucket.account,
        region=bucket.region,
        created_at=call.now,
        bucket=bucket.id,
        volume=bucket.volume,
        url=url,
        object_name=key,
        host=host,
        content_md5=content_md5,
        callback=callback,
        ignore_same_key=truth(node, "IgnoreSameKey", default=True),
        callback_when_failed=truth(node, "CallbackWhenFailed", default=False),
        key_url=key_url(call),
        request_id=call.request_id,
    )


def _is_md5(text: str) -> bool:
    try:
        return len(base64.b64decode(text.encode(), validate=True)) == 16
    except ValueError:
        return False


@oss.operation("GetAsyncFetchTask", "bucket", "GET", "asyncFetch")
def get_async_fetch_task(call: Call) -> HttpResponse:
    task_id = call.headers.get(_TASK_HEADER, "")
    if not task_id:
        raise MISSING_ARGUMENT.error(extra={"ArgumentName": _TASK_HEADER})
    task = call.parts.store.get(FetchTask, task_id)
    if task is None or task.volume != call.bucket.volume:
        raise NO_SUCH_FETCH_TASK.error(extra={"TaskId": task_id})
    content: dict[str, Content] = {
        "TaskId": task.id,
        "State": task.state,
        "ErrorMsg": task.error,
        "TaskInfo": {
            "Url": task.url,
            "Object": task.object_name,
            "Host": task.host,
            "ContentMD5": task.content_md5,
            "Callback": task.callback,
            "IgnoreSameKey": task.ignore_same_key,
            "CallbackWhenFailed": task.callback_when_failed,
        },
    }
    return answers.document(document("AsyncFetchTaskInfo", elements(content)))
