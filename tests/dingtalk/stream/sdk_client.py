"""Run by the tests in a process of its own: a robot by the official SDK, as its users write one. It does what messages
say, and prints a line of JSON for each thing that happens."""

from __future__ import annotations

import json
import sys

import dingtalk_stream
from dingtalk_stream import AckMessage, CallbackMessage, CardCallbackMessage, ChatbotMessage, EventMessage

BUTTONS = [{"text": "claim", "id": "claim", "color": "blue", "request": True}]


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


class Robot(dingtalk_stream.ChatbotHandler):
    async def process(self, callback: CallbackMessage) -> tuple[int, str]:
        incoming = ChatbotMessage.from_dict(callback.data)
        if incoming.message_type == "text":
            word = incoming.text.content.strip()
            say(heard=incoming.text.content, sender=incoming.sender_staff_id, type=incoming.conversation_type)
            self.act(word, incoming)
        return AckMessage.STATUS_OK, "OK"

    def act(self, word: str, incoming: ChatbotMessage) -> None:
        if word == "text":
            self.reply_text("a text", incoming)
        elif word == "markdown":
            self.reply_markdown("title", "**bold**", incoming)
        elif word == "card":
            card = self.reply_markdown_button(incoming, "CPU **95%**", BUTTONS, tips="now", title="alarm")
            say(track=card.card_instance_id)
        elif word == "markdown card":
            card = self.reply_markdown_card("first", incoming, title="t", at_sender=True)
            card.update("second")
            say(track=card.card_instance_id)
        elif word == "ai":
            card = self.ai_markdown_card_start(incoming, title="ai")
            card.ai_streaming("one", append=True)
            card.ai_streaming(" two", append=True)
            card.ai_finish(button_list=BUTTONS)
            say(track=card.card_instance_id)
        elif word == "standard":
            data = dingtalk_stream.interactive_card.INTERACTIVE_CARD_JSON_SAMPLE_1
            track = self.reply_card(data, incoming, at_sender=True)
            self.update_card(track, dingtalk_stream.interactive_card.INTERACTIVE_CARD_JSON_SAMPLE_3)
            say(track=track)


class Clicks(dingtalk_stream.CallbackHandler):
    async def process(self, callback: CallbackMessage) -> tuple[int, object]:
        click = CardCallbackMessage.from_dict(callback.data)
        action = click.content["cardPrivateData"]["actionIds"]
        say(clicked=action, by=click.user_id, track=click.card_instance_id, corp=click.corp_id)
        answer = {
            "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
            "cardData": {"cardParamMap": {"tips": f"claimed by {click.user_id}"}},
            "userPrivateData": {"cardParamMap": {"title": "yours"}},
        }
        return AckMessage.STATUS_OK, answer


class Events(dingtalk_stream.EventHandler):
    async def process(self, event: EventMessage) -> tuple[int, str]:
        say(event=event.headers.event_type, data=event.data)
        return AckMessage.STATUS_OK, "OK"


def main() -> None:
    client = dingtalk_stream.DingTalkStreamClient(dingtalk_stream.Credential(sys.argv[1], sys.argv[2]))
    client.register_callback_handler(ChatbotMessage.TOPIC, Robot())
    client.register_callback_handler(dingtalk_stream.CallbackHandler.TOPIC_CARD_CALLBACK, Clicks())
    client.register_all_event_handler(Events())
    client.start_forever()


if __name__ == "__main__":
    main()
