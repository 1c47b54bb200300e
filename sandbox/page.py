"""The page at `/`: one file, nothing from elsewhere, and a policy under which a browser runs this file's script only.

What it shows was written by others. It is put into the page as text, never as HTML; the policy is the second lock.
"""

import hashlib
import re

from base64 import b64encode
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse


HTML = files("sandbox").joinpath("page.html").read_text(encoding="utf-8")


def _hashes(tag: str) -> str:
    bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", HTML, re.DOTALL)
    return " ".join(f"'sha256-{b64encode(hashlib.sha256(body.encode()).digest()).decode()}'" for body in bodies)


HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; script-src {_hashes('script')}; style-src {_hashes('style')}; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


async def page(_request: Request) -> HTMLResponse:
    """Slack and PagerDuty side by side."""
    return HTMLResponse(HTML, headers=HEADERS)
