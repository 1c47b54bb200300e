"""The pages of the ACK link: small, self-contained, safe to show anybody who holds the link.

Everything that comes from an alert or a visitor is escaped. The Content-Security-Policy allows exactly the one style
and the one script written here, by their hashes.
"""

import base64
import hashlib

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from ingest.verdict import Answer, Verdict
from state.incident import Incident
from streams.records import Millis


_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --dim: #5b6675; --ground: #f5f6f8; --card: #fff; --line: #dfe3e8;
  --good: #1a7f37; --warn: #b35900; --bad: #c62828; --act: #1f5fbf; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebef; --dim: #9aa5b3; --ground: #14181e; --card: #1d232b; --line: #323b46;
    --good: #4cc06c; --warn: #e8a04c; --bad: #ef7a7a; --act: #3f7fe0; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.25rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { width: 100%; max-width: 32rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-top: .3rem solid var(--dim); border-radius: .6rem; }
main.good { border-top-color: var(--good); } main.warn { border-top-color: var(--warn); }
main.bad { border-top-color: var(--bad); }
h1 { margin: 0 0 .5rem; font-size: 1.45rem; line-height: 1.25; }
p { margin: .5rem 0; overflow-wrap: anywhere; } .title { font-weight: 600; } .dim { color: var(--dim); font-size: .9rem; }
button { margin-top: 1rem; width: 100%; padding: .9rem; border: 0; border-radius: .45rem; background: var(--act);
  color: #fff; font: inherit; font-weight: 600; cursor: pointer; }
button:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; }
"""
_SCRIPT = "document.forms[0].submit();"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}
PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}


@dataclass(frozen=True, slots=True)
class Words:
    """What a person is told."""

    heading: str
    text: str
    mood: str = ""


def ask_page(incident: Incident | None, *, by_itself: bool) -> str:
    """The page that acknowledges: by itself, or when its button is pressed. Without JavaScript it is the button."""
    words = Words("Acknowledge this incident?", "Nobody is paged for it once you do.")
    if by_itself:
        words = Words("Acknowledging…", "If nothing happens, press the button.")
    # No action: it goes to the page's own address, with its token, below whatever path a proxy serves it.
    form = '<form method="post"><button type="submit">Acknowledge</button></form>'
    return _page(words, incident, form + (f"<script>{_SCRIPT}</script>" if by_itself else ""))


def verdict_page(verdict: Verdict, incident: Incident | None) -> str:
    """The page that says what an acknowledgement came to."""
    return _page(words_for(verdict), incident)


def refusal_page(words: Words) -> str:
    """The page for a link that is none."""
    return _page(words, None)


def words_for(verdict: Verdict) -> Words:
    """An answer in words, for the page and for JSON alike."""
    at = f" at {clock(verdict.at_ms)}" if verdict.at_ms else ""
    match verdict.answer:
        case Answer.ACKNOWLEDGED:
            return Words("Acknowledged", f"By {verdict.by}{at}. Nobody is paged for this incident.", "good")
        case Answer.ALREADY_ACKNOWLEDGED:
            return Words("Already acknowledged", f"{verdict.by} was first{at}. Nobody is paged for it.", "good")
        case Answer.ALREADY_ESCALATED:
            return Words(
                "Already escalated",
                f"The deadline passed and on-call was paged{at}. PagerDuty is told that it is now acknowledged.",
                "warn",
            )
        case Answer.RESOLVED:
            return Words("Already resolved", f"The problem ended{at}. There is nothing left to do.", "good")
        case Answer.RECORDED:
            return Words(
                "Recorded",
                f"Acknowledged by {verdict.by}{at}. What is known here does not tell whether that was in time, or of an "
                "alert that belongs to an older incident: until the message in Slack says that it is acknowledged, the page "
                "may still come.",
                "warn",
            )
        case Answer.NOT_SAVED:
            return Words(
                "Not acknowledged",
                "The acknowledgement could not be saved, so the page may still come. Try again in a moment.",
                "bad",
            )


def clock(at_ms: Millis) -> str:
    """A time for people, who may be anywhere."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _page(words: Words, incident: Incident | None, more: str = "") -> str:
    about = ""
    if incident is not None:
        severity = f"{incident.severity} · " if incident.severity else ""
        since = f"opened {clock(incident.opened_ms)}" if incident.opened_ms else ""
        about = f'<p class="title">{escape(incident.title)}</p><p class="dim">{escape(severity + since)}</p>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(words.heading)} – Ackline</title><style>{_STYLE}</style></head>"
        f'<body><main class="{words.mood}"><h1>{escape(words.heading)}</h1>{about}<p>{escape(words.text)}</p>'
        f"{more}</main></body></html>"
    )
