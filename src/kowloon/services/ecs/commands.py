"""Commands of the cloud assistant: keep them, and send them to instances.

Deviations: shell scripts only, at once and once (no schedule, no container, no other user); `{{ACS::...}}` parameters
of the vendor are not filled in. What runs a script is `command_runs.py`.
"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec

from kowloon.actions import tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.actions.errors import MISSING_PARAMETER, invalid
from kowloon.core import limits
from kowloon.services.ecs.errors import (
    COMMAND_CONTENT,
    COMMAND_CONTENT_SIZE,
    COMMAND_INSTANCE_NOT_FOUND,
    COMMAND_INSTANCES_TOO_MANY,
    COMMAND_MODE,
    COMMAND_NAME_SIZE,
    COMMAND_NOT_FOUND,
    COMMAND_PARAMETERS_OFF,
    COMMAND_PLATFORM,
    COMMAND_TIMEOUT,
    COMMAND_TYPE,
)
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.resources import Command, Instance, Invocation, InvocationResult

_TYPES = ("RunShellScript", "RunBatScript", "RunPowerShellScript")
_PARAMETER = re.compile(r"\{\{\s*([A-Za-z0-9_-]+)\s*\}\}")
MOST_INSTANCES = 100
COMMAND_AND_INSTANCES = (
    "acs:ecs:{region}:{account}:command/{CommandId}",
    "acs:ecs:{region}:{account}:instance/{InstanceId}",
)
# Old invocations are forgotten, as with the vendor.
MOST_KEPT = 5_000


class CommandFields(Request):
    """What makes a command, in CreateCommand and RunCommand alike."""

    CommandContent: str
    Type: str
    Name: str = ""
    Description: str = ""
    ContentEncoding: str = ""
    WorkingDir: str = ""
    Timeout: int = 60
    EnableParameter: bool = False
    Tag: list[tags.TagParam] = []
    ClientToken: str = ""


class CreateCommandRequest(CommandFields, kw_only=True):
    Name: str


class CreateCommandResponse(Response):
    CommandId: str


@ecs.action(resource="acs:ecs:{region}:{account}:command/*")
def create_command(ctx: Context, req: CreateCommandRequest) -> CreateCommandResponse:
    item = _command(ctx, req, plain=req.ContentEncoding.lower() == "plaintext")
    ctx.tx.put(item)
    return CreateCommandResponse(CommandId=item.id)


def _command(ctx: Context, req: CommandFields, *, plain: bool) -> Command:
    if req.Type not in _TYPES:
        raise COMMAND_TYPE.error()
    if len(req.Name) > 128:
        raise COMMAND_NAME_SIZE.error()
    if not 10 <= req.Timeout <= 86400:
        raise COMMAND_TIMEOUT.error()
    content = base64.b64encode(req.CommandContent.encode()).decode() if plain else req.CommandContent
    if len(content) > limits.COMMAND_OUTPUT_BYTES:
        raise COMMAND_CONTENT_SIZE.error()
    names = dict.fromkeys(_PARAMETER.findall(script_of(content))) if req.EnableParameter else {}
    id = ctx.ids.resource("c")
    return Command(
        id=id,
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        name=req.Name or id,
        description=req.Description,
        command_type=req.Type,
        content=content,
        working_dir=req.WorkingDir,
        timeout_s=req.Timeout,
        parameters=tuple(names),
    )


def script_of(content: str) -> str:
    """The text of a base64 content, or the vendor's refusal."""
    try:
        return base64.b64decode(content, validate=True).decode()
    except (binascii.Error, ValueError):
        raise COMMAND_CONTENT.error() from None


class DeleteCommandRequest(Request):
    CommandId: str


@ecs.action(resource="acs:ecs:{region}:{account}:command/{CommandId}")
def delete_command(ctx: Context, req: DeleteCommandRequest) -> Response:
    """What it was invoked for goes on and stays readable."""
    ctx.tx.delete(_mine(ctx, req.CommandId))
    return Response()


def _mine(ctx: Context, id: str) -> Command:
    item = ctx.mine(Command, id)
    if item is None:
        raise COMMAND_NOT_FOUND.error()
    return item


class RunFields(Request):
    """How a command is run, in InvokeCommand and RunCommand alike."""

    InstanceId: list[str] = []
    Parameters: AsJson[dict[str, str]] = {}
    RepeatMode: str = ""
    Timed: bool = False
    Frequency: str = ""
    Username: str = ""
    ContainerId: str = ""
    ContainerName: str = ""


class InvokeCommandRequest(RunFields, kw_only=True):
    CommandId: str
    WorkingDir: str = ""
    Timeout: int | None = None
    Tag: list[tags.TagParam] = []
    ClientToken: str = ""


class InvokeCommandResponse(Response):
    InvokeId: str


@ecs.action(resource=COMMAND_AND_INSTANCES)
def invoke_command(ctx: Context, req: InvokeCommandRequest) -> InvokeCommandResponse:
    command = _mine(ctx, req.CommandId)
    if req.Timeout is not None and not 10 <= req.Timeout <= 86400:
        raise COMMAND_TIMEOUT.error()
    changed = msgspec.structs.replace(
        command,
        working_dir=req.WorkingDir or command.working_dir,
        timeout_s=req.Timeout or command.timeout_s,
        tags=tags.checked(req.Tag),
    )
    return InvokeCommandResponse(InvokeId=_invoke(ctx, changed, req))


class RunCommandRequest(CommandFields, kw_only=True):
    InstanceId: list[str] = []
    Parameters: AsJson[dict[str, str]] = {}
    RepeatMode: str = ""
    Timed: bool = False
    Frequency: str = ""
    Username: str = ""
    ContainerId: str = ""
    ContainerName: str = ""
    KeepCommand: bool = False


class RunCommandResponse(Response):
    CommandId: str
    InvokeId: str


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceId}")
def run_command(ctx: Context, req: RunCommandRequest) -> RunCommandResponse:
    """Unlike in CreateCommand the content is plain text unless ContentEncoding says Base64."""
    command = _command(ctx, req, plain=req.ContentEncoding.lower() != "base64")
    if req.KeepCommand:
        ctx.tx.put(command)
    return RunCommandResponse(CommandId=command.id, InvokeId=_invoke(ctx, command, req))


def _invoke(ctx: Context, command: Command, req: RunFields | RunCommandRequest) -> str:
    _check_run(command, req)
    if not req.InstanceId:
        raise MISSING_PARAMETER.error(name="InstanceId")
    ids = list(dict.fromkeys(req.InstanceId))
    if len(ids) > MOST_INSTANCES:
        raise COMMAND_INSTANCES_TOO_MANY.error()
    _forget_old(ctx)
    item = Invocation(
        id=ctx.ids.resource("t"),
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=command.tags,
        command_id=command.id,
        command_name=command.name,
        command_type=command.command_type,
        description=command.description,
        content=command.content,
        script=_filled(command, req.Parameters),
        parameters=req.Parameters,
        working_dir=command.working_dir,
        timeout_s=command.timeout_s,
        results=tuple(_first_result(ctx, id) for id in ids),
    )
    ctx.tx.put(item)
    return item.id


def _check_run(command: Command, req: RunFields | RunCommandRequest) -> None:
    """What cannot be done here is refused with the reason."""
    if command.command_type != "RunShellScript":
        raise COMMAND_PLATFORM.error()
    if req.RepeatMode not in ("", "Once") or req.Timed or req.Frequency:
        raise COMMAND_MODE.error(why="Kowloon runs a command once, at once.")
    if req.Username:
        raise invalid("Username", "Scripts run as the instance's own user; leave it out.")
    if req.ContainerId or req.ContainerName:
        raise invalid("ContainerId", "There are no containers in Kowloon's instances.")


def _filled(command: Command, values: dict[str, str]) -> str:
    """The script with its parameters; each of them must be given."""
    script = script_of(command.content)
    if not command.parameters:
        if values:
            raise COMMAND_PARAMETERS_OFF.error()
        return script
    for name in command.parameters:
        if name not in values:
            raise MISSING_PARAMETER.error(name=f"Parameters.{name}")
    return _PARAMETER.sub(lambda found: values[found[1]], script)


def _first_result(ctx: Context, instance_id: str) -> InvocationResult:
    """Pending; where the instance does not run, aborted at once, as with the vendor."""
    instance = ctx.mine(Instance, instance_id)
    if instance is None:
        raise COMMAND_INSTANCE_NOT_FOUND.error()
    if instance.status == "Running":
        return InvocationResult(instance_id=instance_id)
    return InvocationResult(
        instance_id=instance_id,
        status="Aborted",
        error_code="InstanceNotRunning",
        error_info=f"the instance is {instance.status}",
        finished_at=ctx.now,
    )


def _forget_old(ctx: Context) -> None:
    kept = ctx.tx.list(Invocation)
    if len(kept) < MOST_KEPT:
        return
    for oldest in kept[: MOST_KEPT // 10]:
        if oldest.finished:
            ctx.tx.delete(oldest)
