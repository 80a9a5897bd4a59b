"""Service-linked roles: the service decides who takes them and what they may do; an account only has them or not."""

from __future__ import annotations

import msgspec

from kowloon.actions import service_roles
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.ram import quotas, roles
from kowloon.services.ram.errors import (
    DESCRIPTION_NOT_ALLOWED,
    ROLE_NOT_FOUND,
    SERVICE_NOT_FOUND,
    SUFFIX_NOT_ALLOWED,
)
from kowloon.services.ram.logic import policies, users
from kowloon.services.ram.product import ram
from kowloon.store.identity import RoleDeletion


def _template(service: str) -> service_roles.Template:
    template = service_roles.templates().get(service)
    if template is None:
        raise SERVICE_NOT_FOUND.error(name=service)
    return template


class CreateServiceLinkedRoleRequest(Request):
    ServiceName: str
    CustomSuffix: str = ""
    Description: str = ""


@ram.action(resource="acs:ram:*:{account}:role/*")
def create_service_linked_role(ctx: Context, req: CreateServiceLinkedRoleRequest) -> roles.RoleResponse:
    template = _template(req.ServiceName)
    if req.CustomSuffix:
        raise SUFFIX_NOT_ALLOWED.error()
    if req.Description:
        raise DESCRIPTION_NOT_ALLOWED.error()
    role = service_roles.new_role(ctx.ids, template, ctx.account, ctx.now)
    roles.put_new(ctx, role)
    policies.attach(ctx, roles.entity_of(role), "System", template.policy)
    return roles.RoleResponse(Role=roles.shown(ctx, role))


class DeleteServiceLinkedRoleRequest(Request):
    RoleName: str


class DeleteServiceLinkedRoleResponse(Response):
    DeletionTaskId: str


@ram.action(resource="acs:ram:*:{account}:role/{RoleName}")
def delete_service_linked_role(ctx: Context, req: DeleteServiceLinkedRoleRequest) -> DeleteServiceLinkedRoleResponse:
    """At once: the task is over when its id is known."""
    role = roles.find(ctx, req.RoleName)
    if not role.service:
        raise ROLE_NOT_FOUND.error(name=req.RoleName)
    for attachment in users.attachments(ctx, roles.entity_of(role)):
        ctx.tx.delete(attachment)
    ctx.tx.delete(role)
    task = f"task/{role.name}/{ctx.ids.request_id().lower()}"
    for forgotten in ctx.tx.list(RoleDeletion, account=ctx.account)[: 1 - quotas.ROLE_DELETIONS_KEPT]:
        ctx.tx.delete(forgotten)
    ctx.tx.put(RoleDeletion(id=task, account=ctx.account, created_at=ctx.now, role_name=role.name))
    return DeleteServiceLinkedRoleResponse(DeletionTaskId=task)


class GetServiceLinkedRoleTemplateRequest(Request):
    ServiceName: str


class RoleDescription(msgspec.Struct, kw_only=True):
    Language: str
    Description: str


class RoleDescriptionList(msgspec.Struct, kw_only=True):
    RoleDescription: list[RoleDescription]


class TemplateItem(msgspec.Struct, kw_only=True):
    ServiceName: str
    RoleNamePrefix: str
    SystemPolicyName: str
    MultipleRolesAllowed: bool
    RoleDescriptions: RoleDescriptionList


class GetServiceLinkedRoleTemplateResponse(Response):
    ServiceLinkedRoleTemplate: TemplateItem


@ram.action()
def get_service_linked_role_template(
    ctx: Context, req: GetServiceLinkedRoleTemplateRequest
) -> GetServiceLinkedRoleTemplateResponse:
    template = _template(req.ServiceName)
    return GetServiceLinkedRoleTemplateResponse(
        ServiceLinkedRoleTemplate=TemplateItem(
            ServiceName=template.service,
            RoleNamePrefix=template.role,
            SystemPolicyName=template.policy,
            MultipleRolesAllowed=False,
            RoleDescriptions=RoleDescriptionList(
                RoleDescription=[RoleDescription(Language="en", Description=template.description)]
            ),
        )
    )
