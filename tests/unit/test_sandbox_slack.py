"""The stand-in Slack refuses what Slack refuses and holds what Slack would show: a lenient one would hide our faults."""

import json

from typing import Any

import pytest

from sandbox import KEPT, block_kit
from sandbox.slack import TOKEN, Message, Workspace


NOW_MS = 1_700_000_000_123


def post(workspace: Workspace, now_ms: int = NOW_MS, **arguments: Any) -> dict[str, Any]:
    return workspace.call("chat.postMessage", {"channel": "C0OPS", "text": "hello"} | arguments, TOKEN, now_ms)


def update(workspace: Workspace, ts: str, **arguments: Any) -> dict[str, Any]:
    return workspace.call("chat.update", {"channel": "C0OPS", "ts": ts} | arguments, TOKEN, NOW_MS + 5000)


def the_message(workspace: Workspace) -> Message:
    (message,) = workspace.messages
    return message


def section(text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}} | more


def button(label: str = "Acknowledge", **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": label}} | more


def actions(*elements: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def confirm(**changed: str) -> dict[str, Any]:
    parts = {"title": "Sure?", "text": "Really", "confirm": "Yes", "deny": "No"} | changed
    return {part: {"type": "plain_text", "text": text} for part, text in parts.items()}


def context(*elements: Any) -> dict[str, Any]:
    return {"type": "context", "elements": list(elements)}


MRKDWN = {"type": "mrkdwn", "text": "x"}


class TestCalls:
    """Who may call what."""

    @pytest.mark.parametrize(
        ("method", "arguments", "token", "error"),
        [
            pytest.param("chat.postMessage", {}, None, "not_authed", id="no token"),
            pytest.param("chat.postMessage", {}, "xoxb-other", "invalid_auth", id="another token"),
            pytest.param("auth.test", {}, "xoxb-other", "invalid_auth", id="another token, auth.test"),
            pytest.param("chat.delete", {}, TOKEN, "unknown_method", id="a method that is not stood in for"),
            pytest.param("chat.postMessage", {"channel": None}, TOKEN, "invalid_arguments", id="no channel"),
            pytest.param("chat.postMessage", {"channel": "ops"}, TOKEN, "channel_not_found", id="no channel's id"),
            pytest.param("chat.postMessage", {"text": ""}, TOKEN, "no_text", id="no text"),
            pytest.param("chat.postMessage", {"text": " \n"}, TOKEN, "no_text", id="blank text"),
            pytest.param("chat.postMessage", {"text": ["x"]}, TOKEN, "invalid_arguments", id="text of a wrong type"),
            pytest.param("chat.postMessage", {"thread_ts": "1.0"}, TOKEN, "thread_not_found", id="no such thread"),
            pytest.param(
                "chat.postMessage", {"thread_ts": ["1.0"]}, TOKEN, "thread_not_found", id="a thread that is a list"
            ),
            pytest.param("chat.postMessage", {"blocks": "[{"}, TOKEN, "invalid_blocks_format", id="blocks, no JSON"),
            pytest.param("chat.postMessage", {"attachments": 7}, TOKEN, "invalid_attachments", id="attachments, a 7"),
            pytest.param("chat.postMessage", {"attachments": [{}] * 101}, TOKEN, "too_many_attachments", id="101"),
            pytest.param("chat.update", {}, TOKEN, "invalid_arguments", id="an update of nothing"),
            pytest.param("chat.update", {"ts": "1.0"}, TOKEN, "message_not_found", id="an update of no message"),
        ],
    )
    def test_what_slack_refuses_is_refused_with_its_error(
        self, method: str, arguments: dict[str, Any], token: str | None, error: str
    ) -> None:
        """Every refusal is `ok: false` with the name that Slack gives it, and leaves no message behind."""
        workspace = Workspace()

        answer = workspace.call(method, {"channel": "C0OPS", "text": "hello"} | arguments, token, NOW_MS)

        assert (False, error) == (answer["ok"], answer["error"])
        assert workspace.messages == []

    def test_only_the_channels_that_exist_are_known_where_they_are_named(self) -> None:
        """A workspace with a list of channels knows no other, even one that looks like an id."""
        workspace = Workspace(channels={"G0PRIVATE"})

        assert post(workspace, channel="G0PRIVATE")["ok"]
        assert post(workspace, channel="C0OPS")["error"] == "channel_not_found"

    def test_a_token_of_ones_own_replaces_the_default(self) -> None:
        """With a token configured, the sandbox's default one opens nothing."""
        assert Workspace(token="xoxb-mine").call("auth.test", {}, TOKEN, NOW_MS)["error"] == "invalid_auth"

    def test_auth_test_says_who_is_calling(self) -> None:
        """`ackline check` shows the team and the bot of the token."""
        answer = Workspace().call("auth.test", {}, TOKEN, NOW_MS)

        assert (answer["ok"], answer["team"], answer["user"]) == (True, "Sandbox", "ackline")


class TestMessages:
    """What the calls make."""

    def test_a_post_is_answered_with_what_an_update_needs(self) -> None:
        """The answer holds channel, ts and the message; the ts is the time of the post."""
        answer = post(Workspace(), text="Disk full")

        assert (answer["channel"], answer["ts"]) == ("C0OPS", "1700000000.123000")
        assert answer["message"]["text"] == "Disk full"

    def test_two_posts_in_one_millisecond_have_different_names(self) -> None:
        """A ts is a message's name: it must never be given twice, even when the clock stands still or goes back."""
        workspace = Workspace()

        names = [post(workspace, now_ms=at_ms)["ts"] for at_ms in (NOW_MS, NOW_MS, NOW_MS - 1000)]

        assert sorted(set(names)) == names

    def test_an_answer_in_a_thread_names_the_message_it_answers(self) -> None:
        """A thread is its first message's ts."""
        workspace = Workspace()
        root = post(workspace)["ts"]

        post(workspace, thread_ts=root)

        assert [None, root] == [message.thread_ts for message in workspace.messages]

    def test_a_thread_belongs_to_its_channel(self) -> None:
        """A ts of another channel opens no thread here."""
        workspace = Workspace()
        root = post(workspace, channel="C0OTHER")["ts"]

        assert post(workspace, thread_ts=root)["error"] == "thread_not_found"

    def test_an_update_changes_the_message_in_place(self) -> None:
        """The same message says something else, and what it said before can still be asked."""
        workspace = Workspace()
        ts = post(workspace, text="firing", blocks=[section("firing")])["ts"]

        answer = update(workspace, ts, text="acknowledged", blocks=[section("acknowledged")])

        message = the_message(workspace)
        assert answer["ok"]
        assert ("acknowledged", [section("acknowledged")]) == (message.text, message.blocks)
        assert (message.received_at_ms, message.updated_at_ms) == (NOW_MS, NOW_MS + 5000)
        assert list(message.earlier_texts) == ["firing"]

    @pytest.mark.parametrize(
        ("arguments", "text", "blocks"),
        [
            pytest.param({"text": "new"}, "new", [], id="a text alone takes the blocks' place"),
            pytest.param({"blocks": [section("b")]}, "old", [section("b")], id="blocks alone leave the text"),
            pytest.param({"text": "new", "blocks": []}, "new", [], id="an empty list removes the blocks"),
        ],
    )
    def test_an_update_keeps_what_it_does_not_mention(
        self, arguments: dict[str, Any], text: str, blocks: list[Any]
    ) -> None:
        """What Slack keeps and drops of the old message is kept and dropped."""
        workspace = Workspace()
        ts = post(workspace, text="old", blocks=[section("a")])["ts"]

        update(workspace, ts, **arguments)

        assert (text, blocks) == (the_message(workspace).text, the_message(workspace).blocks)

    def test_a_post_over_forty_thousand_characters_is_cut_with_a_warning(self) -> None:
        """Slack takes it, cuts it and says so; only the warning tells."""
        workspace = Workspace()

        answer = post(workspace, text="x" * 40_001)

        assert (answer["ok"], answer["warning"]) == (True, "message_truncated")
        assert len(the_message(workspace).text) == 40_000

    @pytest.mark.parametrize(
        ("length", "error"), [pytest.param(4000, None, id="4,000"), pytest.param(4001, "msg_too_long", id="4,001")]
    )
    def test_an_update_over_four_thousand_characters_is_refused(self, length: int, error: str | None) -> None:
        """An update's limit is a tenth of a post's: what could be posted may not be updatable."""
        workspace = Workspace()

        answer = update(workspace, post(workspace)["ts"], text="x" * length)

        assert error == answer.get("error")

    def test_blocks_in_a_string_of_json_are_blocks(self) -> None:
        """A form can hold blocks as JSON only."""
        workspace = Workspace()

        post(workspace, blocks=json.dumps([section()]))

        assert [section()] == the_message(workspace).blocks

    def test_what_came_along_is_kept_for_tests_to_look_at(self) -> None:
        """Whether links unfurl is no part of a message's text, but a fault all the same."""
        workspace = Workspace()

        post(workspace, unfurl_links=False)

        assert the_message(workspace).arguments["unfurl_links"] is False

    def test_the_links_of_a_message_are_those_that_a_reader_can_click(self) -> None:
        """Buttons first, then links in the texts, unescaped and each once; what only looks like a link is none."""
        workspace = Workspace()
        ack, graph = "https://ack.example/1", "https://graph.example/?a=1&b=2"
        text = f"<{graph.replace('&', '&amp;')}|graph> <{ack}> &lt;https://not.example&gt; <!channel>"

        post(workspace, text=text, blocks=[section(text), actions(button(url=ack))])

        assert [ack, graph] == the_message(workspace).links

    def test_only_the_latest_messages_are_kept(self) -> None:
        """A sandbox that runs for days holds as much as one that runs for an hour."""
        workspace = Workspace()

        for number in range(KEPT + 2):
            post(workspace, text=str(number))

        assert (len(workspace.messages), workspace.messages[0].text) == (KEPT, "2")


class TestBlocks:
    """Slack's limits."""

    @pytest.mark.parametrize(
        "blocks",
        [
            pytest.param([section()] * 50, id="50 blocks"),
            pytest.param([section("x" * 3000)], id="a section of 3,000"),
            pytest.param([{"type": "section", "fields": [{"type": "plain_text", "text": "x" * 2000}]}], id="a field"),
            pytest.param([{"type": "header", "text": {"type": "plain_text", "text": "x" * 150}}], id="a header of 150"),
            pytest.param([actions(*[button("x" * 75, url="https://x" + "x" * 2991)] * 25)], id="25 buttons, all full"),
            pytest.param([actions(button(confirm=confirm(), style="danger"))], id="a button that asks again"),
            pytest.param([context(*[MRKDWN] * 10)], id="a context of 10"),
            pytest.param(
                [context({"type": "image", "image_url": "https://x", "alt_text": "x"})], id="a context's image"
            ),
            pytest.param([{"type": "divider"}, {"type": "rich_text", "elements": []}], id="divider and rich text"),
            pytest.param([section(accessory=button())], id="an accessory"),
        ],
    )
    def test_blocks_at_their_limits_are_taken(self, blocks: list[Any]) -> None:
        """A limit is the largest that Slack takes: being stricter would blame good messages."""
        assert block_kit.problems(blocks) == []

    @pytest.mark.parametrize(
        ("blocks", "pointer"),
        [
            pytest.param({"type": "divider"}, "/blocks", id="no list"),
            pytest.param([section()] * 51, "/blocks", id="51 blocks"),
            pytest.param(["hello"], "/blocks/0", id="a string for a block"),
            pytest.param([{"type": "table"}], "/blocks/0/type", id="an unknown type"),
            pytest.param([{"type": []}], "/blocks/0/type", id="a type that is no string"),
            pytest.param([section(block_id="x" * 256)], "/blocks/0/block_id", id="block_id of 256"),
            pytest.param([section(), section("x" * 3001)], "/blocks/1/text/text", id="a section of 3,001"),
            pytest.param([section("")], "/blocks/0/text/text", id="an empty section"),
            pytest.param([{"type": "section"}], "/blocks/0", id="a section of nothing"),
            pytest.param([{"type": "section", "text": "hello"}], "/blocks/0/text", id="a text that is no text object"),
            pytest.param([{"type": "section", "text": {"type": "mrkdwn"}}], "/blocks/0/text/text", id="text missing"),
            pytest.param([{"type": "section", "text": {"type": "mrkdwn", "text": 7}}], "/blocks/0/text/text", id="a 7"),
            pytest.param([{"type": "section", "fields": [MRKDWN] * 11}], "/blocks/0/fields", id="11 fields"),
            pytest.param([{"type": "section", "fields": []}], "/blocks/0/fields", id="no fields"),
            pytest.param(
                [{"type": "section", "fields": [MRKDWN, {"type": "mrkdwn", "text": "x" * 2001}]}],
                "/blocks/0/fields/1/text",
                id="a field of 2,001",
            ),
            pytest.param(
                [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
                "/blocks/0/text/text",
                id="a header of 151",
            ),
            pytest.param([{"type": "header", "text": MRKDWN}], "/blocks/0/text", id="a header in mrkdwn"),
            pytest.param([actions()], "/blocks/0/elements", id="no actions"),
            pytest.param([actions(*[button()] * 26)], "/blocks/0/elements", id="26 actions"),
            pytest.param([actions("hello")], "/blocks/0/elements/0", id="an action that is a string"),
            pytest.param([actions(button("x" * 76))], "/blocks/0/elements/0/text/text", id="a button's text of 76"),
            pytest.param([actions(button(url="x" * 3001))], "/blocks/0/elements/0/url", id="a url of 3,001"),
            pytest.param([actions(button(value="x" * 2001))], "/blocks/0/elements/0/value", id="a value of 2,001"),
            pytest.param([actions(button(action_id="x" * 256))], "/blocks/0/elements/0/action_id", id="id of 256"),
            pytest.param([actions(button(style="green"))], "/blocks/0/elements/0/style", id="an unknown style"),
            pytest.param([actions(button(confirm="yes"))], "/blocks/0/elements/0/confirm", id="confirm is a string"),
            pytest.param(
                [actions(button(confirm=confirm(deny="x" * 31)))],
                "/blocks/0/elements/0/confirm/deny/text",
                id="a confirm whose deny has 31",
            ),
            pytest.param([context(*[MRKDWN] * 11)], "/blocks/0/elements", id="a context of 11"),
            pytest.param([context(button())], "/blocks/0/elements/0", id="a button in a context"),
            pytest.param([{"type": "image", "image_url": "https://x"}], "/blocks/0/alt_text", id="image without alt"),
            pytest.param([section(accessory=button("x" * 76))], "/blocks/0/accessory/text/text", id="an accessory"),
        ],
    )
    def test_blocks_over_a_limit_are_refused_and_the_place_is_named(self, blocks: Any, pointer: str) -> None:
        """Slack says where, and so does the stand-in: `invalid_blocks` alone would cost an hour."""
        workspace = Workspace()

        answer = post(workspace, blocks=blocks)

        assert answer["error"] == "invalid_blocks"
        assert [pointer] == [problem.partition("json-pointer:")[2].rstrip("]") for problem in answer["errors"]]
        assert [f"[ERROR] {problem}" for problem in answer["errors"]] == answer["response_metadata"]["messages"]
        assert workspace.messages == []

    def test_blocks_that_are_too_long_together_are_refused(self) -> None:
        """Each block may be within its limit and all of them over Slack's undocumented total."""
        assert post(Workspace(), blocks=[section("x" * 3000)] * 5)["error"] == "msg_blocks_too_long"
