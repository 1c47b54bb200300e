"""Takes out of a body what looks like a secret, for `alert.debug_body`. Better too much than too little."""

import re

from typing import Any


REDACTED = "[redacted]"
_SECRET_NAMES = re.compile(
    r"token|secret|passw|passphrase|authori[sz]ation|api[-_ ]?key|routing[-_ ]?key|signing[-_ ]?key|private[-_ ]?key"
    r"|integration[-_ ]?key|access[-_ ]?key|credential|cookie|session|^key$",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
    r"xox[a-z]-[\w-]+"
    r"|xapp-[\w-]+"
    r"|(?i:\b(?:bearer|basic)\s+)[\w.~+/=-]+"
    r"|(?<=//)[^/@\s]+(?=@)"
    r"|(?i:(?<=token=)|(?<=secret=)|(?<=password=)|(?<=key=))[^&\s\"]+"
    r"|\b(?=[A-Za-z]*\d)[A-Za-z0-9]{32,}\b"
)


def redacted(value: Any) -> Any:
    """The same JSON value, without what looks like a secret by its name or by itself."""
    if isinstance(value, dict):
        return {name: REDACTED if _SECRET_NAMES.search(name) else redacted(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [redacted(inner) for inner in value]
    return _SECRET_TEXT.sub(REDACTED, value) if isinstance(value, str) else value
