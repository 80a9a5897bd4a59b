"""DecodeDiagnosticMessage."""

from __future__ import annotations

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.errors import ErrorSpec
from kowloon.services.ram.diagnosis import Diagnosis, DiagnosticSeal
from kowloon.services.ram.product import ram

INVALID_MESSAGE = ErrorSpec(
    "InvalidParameter.EncodedDiagnosticMessage", 400, 'The parameter - "EncodedDiagnosticMessage" is incorrect.'
)


class DecodeDiagnosticMessageRequest(Request):
    EncodedDiagnosticMessage: str


class DecodeDiagnosticMessageResponse(Response):
    DecodedDiagnosticMessage: Diagnosis


@ram.action(access="read")
def decode_diagnostic_message(ctx: Context, req: DecodeDiagnosticMessageRequest) -> DecodeDiagnosticMessageResponse:
    diagnosis = ctx.port(DiagnosticSeal).open(ctx.account, req.EncodedDiagnosticMessage)
    if diagnosis is None:
        raise INVALID_MESSAGE.error()
    return DecodeDiagnosticMessageResponse(DecodedDiagnosticMessage=diagnosis)
