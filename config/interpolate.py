"""Puts the environment's variables into the values of a parsed config: `${NAME}` and `${NAME:-default}`.

It works on values, after YAML has been read, so that what a variable holds is never taken for YAML. `$$` is a plain
`$`; a `$` before anything but `$` and `{` is one as well.
"""

import re

from collections.abc import Mapping
from typing import Any

from config.problems import Place, dotted


_REFERENCE = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<stray>\$\{)")


class Interpolation:
    """One pass over a tree. `problems` tells afterwards what was missing, all of it and not only the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def of(self, value: Any, place: Place = ()) -> Any:
        """The value with all that is in it; without the keys and items that hold nothing.

        Nothing is an empty value: `password:` or `password: ${REDIS_PASSWORD}` with an empty variable is as if the
        key were not there.
        """
        if isinstance(value, dict):
            items = {key: self.of(item, (*place, key)) for key, item in value.items()}
            return {key: item for key, item in items.items() if item not in (None, "")}
        if isinstance(value, list):
            return [self.of(item, (*place, position)) for position, item in enumerate(value)]
        return self._filled(value, place) if isinstance(value, str) else value

    def _filled(self, text: str, place: Place) -> str:
        found = [self._replacement(match, place) for match in _REFERENCE.finditer(text)]
        return "" if None in found else _REFERENCE.sub(lambda _: found.pop(0) or "", text)

    def _replacement(self, match: re.Match[str], place: Place) -> str | None:
        name, default = match["name"], match["default"]
        if match[0] == "$$":
            return "$"
        if match["stray"]:
            self.problems.append(f"{dotted(place)}: has a `${{` that begins no ${{NAME}}; a plain `$` is written `$$`")
            return None
        value = self._environ.get(name)
        if default is not None:
            return value or default
        if value is None:
            problem = (
                f"the environment variable {name} is not set; set it, or write ${{{name}:-}} where it may be empty"
            )
            self.problems.append(f"{dotted(place)}: {problem}")
        return value
