"""What calls about approvals are refused with. Codes and texts of the newer host are the vendor's where it publishes
them; of the older one few are."""

from __future__ import annotations

from kowloon.dingtalk.platform.errors import Refusal

NO_INSTANCE = Refusal(820004, "aflowProcessInstNotExist", "审批实例不存在")
NO_USER = Refusal(830002, "userNotExist", "用户不存在")
NO_FORM = Refusal(830001, "processCodeError", "审批模板不存在或已删除")
WRONG_PEOPLE = Refusal(830003, "processInstanceInvalidParameter", "审批实例参数错误：{problem}")
WRONG_FORM_VALUES = Refusal(830004, "formConverterError", "表单数据校验失败，失败控件：{names}")
WRONG_FORM = Refusal(830005, "invalidParameter", "表单模板参数错误：{problem}")
STALE = Refusal(820005, "aflowProcessInstStatusException", "审批单状态异常：{problem}")
NOT_YOURS = Refusal(820008, "needAuth", "没有同意拒绝审批的权限")
MAY_NOT = Refusal(820008, "internalError", "您没有任务处理的权限")
WRONG_RESULT = Refusal(
    820006, "invalidInstanceExecuteResult", "同意拒绝审批任务，审批操作取值必填 且值必须为agree或refuse"
)
NO_TERMINATOR = Refusal(
    820007,
    "invalidInstanceTerminateOperatingUserId",
    "撤销审批实例，当isSystem为false时，操作人的userId不能为空",
)
NO_COMMENT = Refusal(820009, "invalidInstanceCommentText", "审批实例评论内容不能为空")
NO_TASK = Refusal(820010, "aflowTaskNotExist", "审批任务不存在")
FULL = Refusal(820011, "overLimit", "{name} 已达上限 {most}")
TOO_MANY = Refusal(400002, "invalidParameter", "参数 {name} 超过最大限制 {most}")
INVALID = Refusal(400002, "invalidParameter", "参数 {name} 不合法")
