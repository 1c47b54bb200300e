"""Who follows an ACK link: a person's browser, a program, or something that only looks. Pure.

Messages with links are read by more software than people, and a link that a robot has opened must not look as if
somebody had taken the incident on. In doubt a visitor only looks: a person then sees a button, and clicks it.
"""

import re

from collections.abc import Mapping
from enum import StrEnum


class Visitor(StrEnum):
    """What a GET of an ACK link may do."""

    BROWSER = "browser"
    """A person: gets the page."""
    PROGRAM = "program"
    """Asks for no HTML: acknowledges at once."""
    ONLOOKER = "onlooker"
    """A link preview, a prefetch: changes nothing."""


# Names where the operator publishes one; the general words catch the many others. Programs that people write for
# themselves (curl, requests) are none of these.
_ROBOTS = re.compile(
    r"slack-imgproxy|facebookexternalhit|facebot|whatsapp|skypeuripreview|microsoft office|microsoft outlook"
    r"|ms-office|msoffice|microsoft teams|teams/|googleimageproxy|google-\w+|googleother|feedfetcher|embedly|iframely"
    r"|mattermost|rocket\.chat|zulip|safelinks|proofpoint|mimecast|barracuda"
    r"|bot\b|bots?[-/_ ]|linkexpanding|crawler|spider|preview|unfurl|headlesschrome|lighthouse",
    re.IGNORECASE,
)
_PREFETCH_HEADERS = ("sec-purpose", "purpose", "x-moz", "x-purpose")
_PREFETCH = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)


def who_asks(headers: Mapping[str, str]) -> Visitor:
    """What kind of visitor sends these headers (their names in lower case)."""
    if _ROBOTS.search(headers.get("user-agent", "")) or _is_prefetch(headers):
        return Visitor.ONLOOKER
    return Visitor.BROWSER if wants_html(headers) else Visitor.PROGRAM


def wants_html(headers: Mapping[str, str]) -> bool:
    """Whether the answer should be a page rather than JSON."""
    return "text/html" in headers.get("accept", "").lower()


def _is_prefetch(headers: Mapping[str, str]) -> bool:
    return any(_PREFETCH.search(headers.get(name, "")) for name in _PREFETCH_HEADERS)
