"""Slack's limits on blocks, as a pure check: what is wrong with a message's blocks, in Slack's own form of words.

A problem is a sentence and a JSON pointer: `must be less than 3001 characters [json-pointer:/blocks/0/text/text]`.
The limits are those of https://docs.slack.dev/reference/block-kit/blocks.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any


MAX_BLOCKS = 50
MAX_TOTAL_TEXT = 13_200
"""Not documented; seen in slackapi/bolt-js#2509. Over it Slack answers `msg_blocks_too_long`."""

Problems = Iterator[str]


def problems(blocks: Any) -> list[str]:
    """Everything that Slack would refuse; empty for blocks that it takes."""
    if not isinstance(blocks, list):
        return [_at("must provide an array", "/blocks")]
    found = [_at(f"no more than {MAX_BLOCKS} items allowed", "/blocks")] if len(blocks) > MAX_BLOCKS else []
    for number, block in enumerate(blocks):
        found += _block(block, f"/blocks/{number}")
    return found


def texts(part: Any) -> Iterator[dict[str, Any]]:
    """Every text object inside of blocks, in reading order."""
    if isinstance(part, list):
        for item in part:
            yield from texts(item)
    elif isinstance(part, dict):
        if part.get("type") in ("mrkdwn", "plain_text") and isinstance(part.get("text"), str):
            yield part
        for value in part.values():
            yield from texts(value)


def button_urls(part: Any) -> Iterator[str]:
    """The address behind every button inside of blocks, in reading order."""
    if isinstance(part, list):
        for item in part:
            yield from button_urls(item)
    elif isinstance(part, dict):
        if part.get("type") == "button" and isinstance(part.get("url"), str):
            yield part["url"]
        for value in part.values():
            yield from button_urls(value)


def too_long_together(blocks: list[Any]) -> bool:
    """Whether the blocks hold more text than Slack takes, though each of them is within its limit."""
    return sum(len(text["text"]) for text in texts(blocks)) > MAX_TOTAL_TEXT


def _at(problem: str, pointer: str) -> str:
    return f"{problem} [json-pointer:{pointer}]"


def _block(block: Any, at: str) -> Problems:
    if not isinstance(block, dict):
        yield _at("must be an object", at)
        return
    check = _CHECKS.get(str(block.get("type")))
    if check is None:
        yield _at(f"unsupported type: {block.get('type')}", f"{at}/type")
        return
    yield from _string(block, "block_id", at, 255, required=False)
    yield from check(block, at)


def _section(block: Mapping[str, Any], at: str) -> Problems:
    if "text" not in block and "fields" not in block:
        yield _at("must define either `text` or `fields`", at)
    if "text" in block:
        yield from _text(block["text"], f"{at}/text", 3000)
    if "fields" in block:
        yield from _each(block, "fields", at, 10, lambda field, where: _text(field, where, 2000))
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory")


def _header(block: Mapping[str, Any], at: str) -> Problems:
    yield from _text(block.get("text"), f"{at}/text", 150, plain=True)


def _actions(block: Mapping[str, Any], at: str) -> Problems:
    yield from _each(block, "elements", at, 25, _element)


def _context(block: Mapping[str, Any], at: str) -> Problems:
    yield from _each(block, "elements", at, 10, _context_element)


def _context_element(element: Any, at: str) -> Problems:
    if isinstance(element, dict) and element.get("type") == "image":
        yield from _image(element, at)
    else:
        yield from _text(element, at, 3000)


def _image(block: Mapping[str, Any], at: str) -> Problems:
    yield from _string(block, "image_url", at, 3000)
    yield from _string(block, "alt_text", at, 2000)


def _accepted(_block: Mapping[str, Any], _at: str) -> Problems:
    yield from ()


_CHECKS: dict[str, Callable[[Mapping[str, Any], str], Problems]] = {
    "section": _section,
    "header": _header,
    "actions": _actions,
    "context": _context,
    "image": _image,
    "divider": _accepted,
    "rich_text": _accepted,
}


def _element(element: Any, at: str) -> Problems:
    """A button is checked wholly; of other elements only the id, since the pipeline sends none."""
    if not isinstance(element, dict) or not isinstance(element.get("type"), str):
        yield _at("must be an object with a type", at)
        return
    yield from _string(element, "action_id", at, 255, required=False)
    if element["type"] == "button":
        yield from _button(element, at)


def _button(button: Mapping[str, Any], at: str) -> Problems:
    yield from _text(button.get("text"), f"{at}/text", 75, plain=True)
    yield from _string(button, "value", at, 2000, required=False)
    yield from _string(button, "url", at, 3000, required=False)
    if button.get("style", "primary") not in ("primary", "danger"):
        yield _at("must be `primary` or `danger`", f"{at}/style")
    if "confirm" in button:
        yield from _confirm(button["confirm"], f"{at}/confirm")


def _confirm(dialog: Any, at: str) -> Problems:
    if not isinstance(dialog, dict):
        yield _at("must be an object", at)
        return
    for part, limit in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        yield from _text(dialog.get(part), f"{at}/{part}", limit)


def _text(text: Any, at: str, limit: int, *, plain: bool = False) -> Problems:
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield _at(f"must be a text object of type {' or '.join(kinds)}", at)
        return
    yield from _string(text, "text", at, limit)


def _string(owner: Mapping[str, Any], name: str, at: str, limit: int, *, required: bool = True) -> Problems:
    if name not in owner and not required:
        return
    value = owner.get(name)
    if not isinstance(value, str):
        yield _at(f"missing required field: {name}" if value is None else "must be a string", f"{at}/{name}")
    elif not value:
        yield _at("must be more than 0 characters", f"{at}/{name}")
    elif len(value) > limit:
        yield _at(f"must be less than {limit + 1} characters", f"{at}/{name}")


def _each(owner: Mapping[str, Any], name: str, at: str, limit: int, check: Callable[[Any, str], Problems]) -> Problems:
    items = owner.get(name)
    if not isinstance(items, list) or not items:
        yield _at("must provide an array with at least 1 item", f"{at}/{name}")
        return
    if len(items) > limit:
        yield _at(f"no more than {limit} items allowed", f"{at}/{name}")
    for number, item in enumerate(items):
        yield from check(item, f"{at}/{name}/{number}")
