"""The ACK link: an incident id in a URL and, where a signing key is set, a signature that binds it to its purpose.

Unsigned, the id itself is the capability (128 bits that nobody can guess). Signed, the link also ends, and one that
was not made by this deployment is refused. In doubt a signature is refused, unlike everything else here.
"""

import base64
import hashlib
import hmac

from dataclasses import dataclass, field

from streams.records.base import Millis


_PATH = "/api/incidents/ack/"


@dataclass(frozen=True, slots=True, kw_only=True)
class AckLinks:
    """Makes and checks ACK links."""

    public_host: str
    signing_secret: bytes | None = field(default=None, repr=False)
    """None: links are not signed."""
    valid_for_ms: int

    def link(self, incident_id: str, now_ms: Millis) -> str:
        """The whole URL that acknowledges this incident."""
        url = f"{self.public_host}{_PATH}{incident_id}"
        if self.signing_secret is None:
            return url
        expires = (now_ms + self.valid_for_ms) // 1000
        return f"{url}?token=v1.{expires}.{self._signature(incident_id, expires)}"

    def accepts(self, incident_id: str, token: str | None, now_ms: Millis) -> bool:
        """Whether whoever holds this token may acknowledge this incident. Never raises."""
        if self.signing_secret is None:
            return True
        version, _, rest = (token or "").partition(".")
        expires, _, signature = rest.partition(".")
        if version != "v1" or not (expires.isascii() and expires.isdecimal() and len(expires) <= 12):
            return False
        genuine = hmac.compare_digest(self._signature(incident_id, int(expires)).encode(), signature.encode())
        return genuine and now_ms // 1000 <= int(expires)

    def _signature(self, incident_id: str, expires: int) -> str:
        assert self.signing_secret is not None
        mac = hmac.digest(self.signing_secret, f"ack\n{incident_id}\n{expires}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")
