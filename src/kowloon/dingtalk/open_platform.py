"""All that is built of the open platform: importing its modules declares their endpoints."""

from __future__ import annotations

from kowloon.dingtalk import outbox, resources
from kowloon.dingtalk.approvals import forms as approval_forms
from kowloon.dingtalk.approvals import instances as approval_instances
from kowloon.dingtalk.approvals import older as approvals_older
from kowloon.dingtalk.approvals import resources as approvals_resources
from kowloon.dingtalk.cards import instances, interactive
from kowloon.dingtalk.cards import resources as cards_resources
from kowloon.dingtalk.chat import resources as chat_resources
from kowloon.dingtalk.contacts import banners, departments, login, oldest, roles, tickets, tokens, users
from kowloon.dingtalk.contacts import resources as contacts_resources
from kowloon.dingtalk.groups import chats, logic, scenes
from kowloon.dingtalk.ops import incident, rules
from kowloon.dingtalk.ops import resources as ops_resources
from kowloon.dingtalk.page import resources as page_resources
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.push import callbacks
from kowloon.dingtalk.sending import dings, media, notices, robots, sessions
from kowloon.dingtalk.sending import resources as sending_resources
from kowloon.dingtalk.stream import opening
from kowloon.dingtalk.work import calendar, roster, todo
from kowloon.dingtalk.work import groups as attendance_groups
from kowloon.dingtalk.work import resources as work_resources
from kowloon.dingtalk.work import shifts as attendance_shifts
from kowloon.store.resources import Resource

__all__ = [
    "RESOURCES",
    "approval_forms",
    "approval_instances",
    "approvals_older",
    "attendance_groups",
    "attendance_shifts",
    "banners",
    "calendar",
    "callbacks",
    "chats",
    "departments",
    "dings",
    "endpoints",
    "instances",
    "interactive",
    "login",
    "notices",
    "oldest",
    "opening",
    "robots",
    "roles",
    "roster",
    "scenes",
    "tickets",
    "todo",
    "tokens",
    "users",
]

RESOURCES: tuple[type[Resource], ...] = (
    *resources.RESOURCES,
    *contacts_resources.RESOURCES,
    *chat_resources.RESOURCES,
    *outbox.RESOURCES,
    *approvals_resources.RESOURCES,
    *cards_resources.RESOURCES,
    *sending_resources.RESOURCES,
    *sessions.RESOURCES,
    *media.RESOURCES,
    *ops_resources.RESOURCES,
    *incident.RESOURCES,
    *rules.RESOURCES,
    *logic.RESOURCES,
    *page_resources.RESOURCES,
    *work_resources.RESOURCES,
)
