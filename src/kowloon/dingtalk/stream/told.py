"""A member's message as an application's robot is told of it. Pure.

Nobody's userid can be read out of the ids that begin with `$:LWCP`; the same person or robot has always the same one.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from kowloon.dingtalk.chat.resources import Conversation, Said
from kowloon.dingtalk.contacts.resources import Application, Member, corp_id
from kowloon.engines.messages.log import Kept


def opaque_id(account: str, id: str) -> str:
    digest = hashlib.blake2b(f"{account}/{id}".encode(), digest_size=18, person=b"dingtalk-lwcp").digest()
    return "$:LWCP_v1:$" + base64.b64encode(digest).decode()


def robot_message(
    application: Application,
    conversation: Conversation,
    kept: Kept,
    said: Said,
    sender: Member,
    *,
    session_webhook: str,
    session_ends_at: float,
) -> dict[str, Any]:
    account = application.account
    told: dict[str, Any] = {
        "conversationId": conversation.id,
        "conversationType": "2" if conversation.form == "group" else "1",
        "msgId": kept.id,
        **_content(application, said),
        "senderId": opaque_id(account, sender.userid),
        "senderStaffId": sender.userid,
        "senderNick": sender.name,
        "senderCorpId": corp_id(account),
        "isAdmin": sender.admin,
        "chatbotCorpId": corp_id(account),
        "chatbotUserId": opaque_id(account, application.id),
        "robotCode": application.id,
        "createAt": int(kept.at * 1000),
        "sessionWebhook": session_webhook,
        "sessionWebhookExpiredTime": int(session_ends_at * 1000),
    }
    if conversation.form == "group":
        robots = [{"dingtalkId": opaque_id(account, robot)} for robot in said.robots]
        people = [{"dingtalkId": opaque_id(account, userid), "staffId": userid} for userid in said.at]
        told |= {"conversationTitle": conversation.title, "isInAtList": True, "atUsers": [*robots, *people]}
    return told


def _content(application: Application, said: Said) -> dict[str, Any]:
    """`msgtype` and what belongs to it. Of files there is the code to fetch them with, which is their media id."""
    if said.type == "text":
        # The robot's name is cut off, the space behind it stays.
        return {"msgtype": "text", "text": {"content": said.text.removeprefix(f"@{application.name}")}}
    if said.type == "markdown":
        return {"msgtype": "richText", "content": {"richText": [{"text": said.text}]}}
    part = said.body.get(said.type)
    code = str(part.get("mediaId", "")) if isinstance(part, dict) else ""
    if not code or not isinstance(part, dict):
        return {"msgtype": "unknownMsgType", "content": {"unknownMsgType": said.text}}
    if said.type == "image":
        return {"msgtype": "picture", "content": {"downloadCode": code, "pictureDownloadCode": code}}
    if said.type == "audio":
        told = {"downloadCode": code, "duration": part.get("duration", 0), "recognition": ""}
        return {"msgtype": "audio", "content": told}
    if said.type == "video":
        told = {"downloadCode": code, "duration": part.get("duration", 0), "videoType": part.get("videoType", "mp4")}
        return {"msgtype": "video", "content": told}
    if said.type == "file":
        told = {"downloadCode": code, "fileId": code, "fileName": part.get("fileName", ""), "spaceId": ""}
        return {"msgtype": "file", "content": told}
    return {"msgtype": "unknownMsgType", "content": {"unknownMsgType": said.text}}
