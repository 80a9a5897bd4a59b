"""What calls about people and departments are refused with."""

from __future__ import annotations

from kowloon.dingtalk.platform.errors import Refusal

DEPARTMENT_NOT_FOUND = Refusal(60003, "invalidParameter.department.notFound", "部门不存在")
DEPARTMENT_NAME = Refusal(60001, "invalidParameter.department.name", "不合法的部门名称")
DEPARTMENT_EXISTS = Refusal(60008, "invalidParameter.department.exists", "部门已存在")
DEPARTMENT_HAS_CHILDREN = Refusal(60006, "invalidParameter.department.hasChildren", "部门下存在子部门，不允许删除")
DEPARTMENT_HAS_MEMBERS = Refusal(60005, "invalidParameter.department.hasMembers", "部门下存在员工，不允许删除")
DEPARTMENT_ROOT = Refusal(60007, "invalidParameter.department.root", "根部门不允许删除")
DEPARTMENT_PARENT = Refusal(60004, "invalidParameter.department.parent", "父部门不合法")
USER_NOT_FOUND = Refusal(60121, "invalidParameter.user.notFound", "找不到该用户", 404)
INVALID_USERID = Refusal(40003, "invalidParameter.userid.invalid", "不合法的UserID")
USER_EXISTS = Refusal(60102, "invalidParameter.userid.exists", "UserID在公司中已存在")
MOBILE_EXISTS = Refusal(60104, "invalidParameter.mobile.exists", "手机号码在公司中已存在")
LOGIN_ID_EXISTS = Refusal(60104, "invalidParameter.login_id.exists", "登录账号在公司中已存在")
INVALID_MOBILE = Refusal(60103, "invalidParameter.mobile.invalid", "手机号码不合法")
ROLE_NOT_FOUND = Refusal(400002, "invalidParameter.role.notFound", "角色不存在")
ROLE_GROUP_NOT_FOUND = Refusal(400002, "invalidParameter.roleGroup.notFound", "角色组不存在")
ROLE_EXISTS = Refusal(400002, "invalidParameter.role.exists", "角色名称已存在")
ROLE_BUILT_IN = Refusal(400002, "invalidParameter.role.builtIn", "默认角色不允许修改")
ROLE_HAS_MEMBERS = Refusal(400002, "invalidParameter.role.hasMembers", "角色下存在员工，不允许删除")
TOO_MANY = Refusal(400002, "invalidParameter.{name}.overMax", "参数 {name} 超过最大限制 {most}")
PAGE_SIZE = Refusal(400002, "invalidParameter.size.invalid", "分页参数 size 不合法，应在 1 到 {most} 之间")
OFFSET = Refusal(400002, "invalidParameter.{name}.invalid", "分页参数 {name} 不合法")
EMPTY = Refusal(400002, "invalidParameter.{name}.empty", "参数 {name} 不能为空")
NAME_TOO_LONG = Refusal(400002, "invalidParameter.name.tooLong", "名称长度不合法，应在 1 到 {most} 个字符之间")
QUOTA = Refusal(60123, "quotaExceeded.{name}", "企业中的 {name} 已达上限 {most}")
