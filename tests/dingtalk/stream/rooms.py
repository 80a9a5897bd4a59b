"""Conversations in which members speak, as the page lets them."""

from __future__ import annotations

from kowloon.dingtalk.chat.resources import Conversation, Said, Sender
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.messages import At, Content
from kowloon.dingtalk.platform.call import own_id
from kowloon.store.store import Transaction
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office


class Room:
    """A group with the members and the application's robot, or a member's own conversation with that."""

    def __init__(self, cloud: LocalCloud, office: Office, *userids: str, form: str = "group") -> None:
        self._cloud = cloud
        self._office = office
        self._messenger = cloud.cloud.dingtalk.messenger

        def body(tx: Transaction) -> Conversation:
            for userid in userids:
                id = own_id(office.account, userid)
                if tx.get(Member, id) is None:
                    tx.put(
                        Member(
                            id=id,
                            account=office.account,
                            userid=userid,
                            union_id=f"union-{userid}",
                            name=userid.title(),
                            admin=userid == userids[0],
                        )
                    )
            if form == "robot":
                return self._messenger.between(tx, office.account, "robot", userids[0], office.app_key)
            return self._messenger.new_group(
                tx, office.account, title="运维群", owner=userids[0], members=userids, robots=(office.app_key,)
            )

        self.conversation = cloud.run(cloud.cloud.store.run(body))
        self.id = self.conversation.id

    def say(self, userid: str, text: str, *, to_robot: bool = True, at: tuple[str, ...] = ()) -> str:
        """The id of the message."""
        body = {"msgtype": "text", "text": {"content": text}}
        content = Content(message_type="text", title="", text=text, body=body, at=At(user_ids=at))
        return self.post(userid, content, to_robot=to_robot)

    def post(self, userid: str, content: Content, *, to_robot: bool = True) -> str:
        sender = Sender("member", userid, userid.title())
        robots = (self._office.app_key,) if to_robot else ()

        async def body() -> str:
            kept = await self._messenger.post(self.conversation, sender, content, robots=robots)
            return kept.id

        return self._cloud.run(body())

    def said(self) -> list[Said]:
        def body() -> list[Said]:
            kept = self._messenger.log.read(self.id, most=1000)
            return [self._messenger.read(each) for each in kept]

        return self._cloud.call(body)
