"""Commands and their invocations: reading them."""

from __future__ import annotations

import base64

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ecs.commands import COMMAND_AND_INSTANCES
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.resources import Command, Invocation, InvocationResult


def _encoded(content: str, encoding: str) -> str:
    """Base64 as stored, or the text of it."""
    if encoding.lower() != "plaintext":
        return content
    return base64.b64decode(content).decode("utf-8", "replace")


def _moment(at: float | None) -> str:
    return iso_seconds(at) if at is not None else ""


class ParameterNames(msgspec.Struct, kw_only=True):
    ParameterName: list[str]


class CommandItem(msgspec.Struct, kw_only=True):
    CommandId: str
    Name: str
    Type: str
    Description: str
    CommandContent: str
    WorkingDir: str
    Timeout: int
    EnableParameter: bool
    ParameterNames: ParameterNames
    InvokeTimes: int
    CreationTime: str
    Tags: tags.TagList
    Version: int = 1
    Latest: bool = True
    Provider: str = ""
    Category: str = ""


class CommandList(msgspec.Struct, kw_only=True):
    Command: list[CommandItem]


class DescribeCommandsRequest(Request):
    CommandId: str = ""
    Name: str = ""
    Description: str = ""
    Type: str = ""
    ContentEncoding: str = "Base64"
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10
    NextToken: str = ""
    MaxResults: int | None = None


class DescribeCommandsResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    NextToken: str
    Commands: CommandList


@ecs.action(resource="acs:ecs:{region}:{account}:command/{CommandId}")
def describe_commands(ctx: Context, req: DescribeCommandsRequest) -> DescribeCommandsResponse:
    found = [
        item
        for item in ctx.all(Command)
        if req.CommandId in ("", item.id)
        and req.Name in ("", item.name)
        and req.Description in ("", item.description)
        and req.Type in ("", item.command_type)
        and tags.matches(item.tags, req.Tag)
    ]
    page = pages.either(found, req.PageNumber, req.PageSize, req.NextToken, req.MaxResults, most=50)
    return DescribeCommandsResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        NextToken=page.next_token,
        Commands=CommandList(Command=[_command(ctx, item, req.ContentEncoding) for item in page.items]),
    )


def _command(ctx: Context, item: Command, encoding: str) -> CommandItem:
    return CommandItem(
        CommandId=item.id,
        Name=item.name,
        Type=item.command_type,
        Description=item.description,
        CommandContent=_encoded(item.content, encoding),
        WorkingDir=item.working_dir,
        Timeout=item.timeout_s,
        EnableParameter=bool(item.parameters),
        ParameterNames=ParameterNames(ParameterName=list(item.parameters)),
        InvokeTimes=sum(1 for invocation in ctx.all(Invocation) if invocation.command_id == item.id),
        CreationTime=iso_seconds(item.created_at),
        Tags=tags.shown(item.tags),
    )


def _record_status(result: InvocationResult) -> str:
    """The older word for a result: Finished means that the script ended by itself, whatever it returned."""
    if not result.finished:
        return "Running"
    return "Finished" if result.exit_code is not None else "Failed"


def _status(item: Invocation) -> str:
    statuses = {result.status for result in item.results}
    if not item.finished:
        return "Pending" if statuses == {"Pending"} else "Running"
    if statuses == {"Success"}:
        return "Success"
    return "PartialFailed" if "Success" in statuses else "Failed"


def _invoke_status(item: Invocation) -> str:
    records = {_record_status(result) for result in item.results}
    if "Running" in records:
        return "Running"
    return "PartialFailed" if len(records) > 1 else records.pop()


class InvokeInstance(msgspec.Struct, kw_only=True):
    InstanceId: str
    InvocationStatus: str
    InstanceInvokeStatus: str
    ExitCode: int | None
    Output: str
    Dropped: int
    ErrorCode: str
    ErrorInfo: str
    CreationTime: str
    StartTime: str
    FinishTime: str
    UpdateTime: str
    StopTime: str = ""
    Repeats: int = 1
    Timed: bool = False


class InvokeInstances(msgspec.Struct, kw_only=True):
    InvokeInstance: list[InvokeInstance]


class InvocationItem(msgspec.Struct, kw_only=True):
    InvokeId: str
    CommandId: str
    CommandName: str
    CommandType: str
    CommandDescription: str
    CommandContent: str
    InvocationStatus: str
    InvokeStatus: str
    CreationTime: str
    Timeout: int
    WorkingDir: str
    Parameters: str
    InvokeInstances: InvokeInstances
    Tags: tags.TagList
    RepeatMode: str = "Once"
    Frequency: str = ""
    Timed: bool = False
    Username: str = ""


class InvocationList(msgspec.Struct, kw_only=True):
    Invocation: list[InvocationItem]


class DescribeInvocationsRequest(Request):
    InvokeId: str = ""
    CommandId: str = ""
    CommandName: str = ""
    CommandType: str = ""
    InstanceId: str = ""
    InvokeStatus: str = ""
    IncludeOutput: bool = False
    ContentEncoding: str = "Base64"
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10
    NextToken: str = ""
    MaxResults: int | None = None


class DescribeInvocationsResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    NextToken: str
    Invocations: InvocationList


@ecs.action(resource=COMMAND_AND_INSTANCES)
def describe_invocations(ctx: Context, req: DescribeInvocationsRequest) -> DescribeInvocationsResponse:
    found = [item for item in ctx.all(Invocation) if _fits(item, req)]
    page = pages.either(found, req.PageNumber, req.PageSize, req.NextToken, req.MaxResults, most=50)
    return DescribeInvocationsResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        NextToken=page.next_token,
        Invocations=InvocationList(Invocation=[_invocation(item, req) for item in page.items]),
    )


def _fits(item: Invocation, req: DescribeInvocationsRequest) -> bool:
    return (
        req.InvokeId in ("", item.id)
        and req.CommandId in ("", item.command_id)
        and req.CommandName in ("", item.command_name)
        and req.CommandType in ("", item.command_type)
        and (not req.InstanceId or any(result.instance_id == req.InstanceId for result in item.results))
        and req.InvokeStatus in ("", _status(item), _invoke_status(item))
        and tags.matches(item.tags, req.Tag)
    )


def _invocation(item: Invocation, req: DescribeInvocationsRequest) -> InvocationItem:
    rows = [result for result in item.results if req.InstanceId in ("", result.instance_id)]
    return InvocationItem(
        InvokeId=item.id,
        CommandId=item.command_id,
        CommandName=item.command_name,
        CommandType=item.command_type,
        CommandDescription=item.description,
        CommandContent=_encoded(item.content, req.ContentEncoding),
        InvocationStatus=_status(item),
        InvokeStatus=_invoke_status(item),
        CreationTime=iso_seconds(item.created_at),
        Timeout=item.timeout_s,
        WorkingDir=item.working_dir,
        Parameters=msgspec.json.encode(item.parameters).decode(),
        InvokeInstances=InvokeInstances(InvokeInstance=[_instance(item, result, req) for result in rows]),
        Tags=tags.shown(item.tags),
    )


def _instance(item: Invocation, result: InvocationResult, req: DescribeInvocationsRequest) -> InvokeInstance:
    return InvokeInstance(
        InstanceId=result.instance_id,
        InvocationStatus=result.status,
        InstanceInvokeStatus=_record_status(result),
        ExitCode=result.exit_code,
        Output=_encoded(result.output, req.ContentEncoding) if req.IncludeOutput else "",
        Dropped=result.dropped,
        ErrorCode=result.error_code,
        ErrorInfo=result.error_info,
        CreationTime=iso_seconds(item.created_at),
        StartTime=_moment(result.started_at),
        FinishTime=_moment(result.finished_at),
        UpdateTime=_moment(result.finished_at or result.started_at or item.created_at),
    )


class ResultItem(msgspec.Struct, kw_only=True):
    InvokeId: str
    CommandId: str
    InstanceId: str
    InvocationStatus: str
    InvokeRecordStatus: str
    ExitCode: int | None
    Output: str
    Dropped: int
    ErrorCode: str
    ErrorInfo: str
    StartTime: str
    FinishedTime: str
    Tags: tags.TagList
    StopTime: str = ""
    Repeats: int = 1
    Username: str = ""


class ResultList(msgspec.Struct, kw_only=True):
    InvocationResult: list[ResultItem]


class ResultPage(msgspec.Struct, kw_only=True):
    TotalCount: int
    PageNumber: int
    PageSize: int
    NextToken: str
    InvocationResults: ResultList


class DescribeInvocationResultsRequest(Request):
    InvokeId: str = ""
    CommandId: str = ""
    InstanceId: str = ""
    InvokeRecordStatus: str = ""
    ContentEncoding: str = "Base64"
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10
    NextToken: str = ""
    MaxResults: int | None = None


class DescribeInvocationResultsResponse(Response):
    Invocation: ResultPage


@ecs.action(resource=COMMAND_AND_INSTANCES)
def describe_invocation_results(
    ctx: Context, req: DescribeInvocationResultsRequest
) -> DescribeInvocationResultsResponse:
    found = [
        (item, result)
        for item in ctx.all(Invocation)
        if req.InvokeId in ("", item.id) and req.CommandId in ("", item.command_id) and tags.matches(item.tags, req.Tag)
        for result in item.results
        if req.InstanceId in ("", result.instance_id) and req.InvokeRecordStatus in ("", _record_status(result))
    ]
    page = pages.either(found, req.PageNumber, req.PageSize, req.NextToken, req.MaxResults, most=50)
    rows = [_result(item, result, req.ContentEncoding) for item, result in page.items]
    return DescribeInvocationResultsResponse(
        Invocation=ResultPage(
            TotalCount=page.total,
            PageNumber=page.number,
            PageSize=page.size,
            NextToken=page.next_token,
            InvocationResults=ResultList(InvocationResult=rows),
        )
    )


def _result(item: Invocation, result: InvocationResult, encoding: str) -> ResultItem:
    return ResultItem(
        InvokeId=item.id,
        CommandId=item.command_id,
        InstanceId=result.instance_id,
        InvocationStatus=result.status,
        InvokeRecordStatus=_record_status(result),
        ExitCode=result.exit_code,
        Output=_encoded(result.output, encoding),
        Dropped=result.dropped,
        ErrorCode=result.error_code,
        ErrorInfo=result.error_info,
        StartTime=_moment(result.started_at),
        FinishedTime=_moment(result.finished_at),
        Tags=tags.shown(item.tags),
    )
