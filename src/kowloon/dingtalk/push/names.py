"""Events that the open platform has. Source: public documentation."""

from __future__ import annotations

from typing import Final

CHECK_URL: Final = "check_url"

_KNOWN: Final = frozenset(
    (
        "user_add_org user_modify_org user_leave_org user_active_org user_dept_change user_role_change "
        "org_admin_add org_admin_remove org_dept_create org_dept_modify org_dept_remove org_change org_remove "
        "label_user_change label_conf_add label_conf_modify label_conf_del "
        "chat_add_member chat_remove_member chat_quit chat_update_owner chat_update_title chat_disband "
        "bpms_instance_change bpms_task_change "
        "attendance_check_record attendance_schedule_change attendance_overtime_duration check_in suite_ticket"
    ).split()
)


def is_known(name: str) -> bool:
    return name in _KNOWN or name.startswith("meetingroom_")


def pascal(name: str) -> str:
    """Of a field of an event, as those that go by HTTP have it."""
    return name[:1].upper() + name[1:]
