"""Turns what is wrong with a config file into sentences that name the place and say what to do.

No sentence repeats a value: whoever reads it finds the value at the place that it names, and a value that came from
the environment, or that was put into the wrong field, may be a secret.
"""

import difflib

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError


Place = tuple[str | int, ...]
"""Where in the file: the keys, and the positions in lists, from the top down."""


class ConfigError(Exception):
    """The config cannot be used. Each of `problems` is one line: `yaml.path: what is wrong and what to do`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


def dotted(place: Place) -> str:
    """A place as people write it: `oncall.pagerduty.routing_key`."""
    return ".".join(str(key) for key in place)


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line for each thing that the settings refuse."""
    return [line for details in error.errors(include_url=False) for line in _lines(details, model)]


def takes_files(annotation: Any) -> bool:
    """Whether a field holds secrets, so that it may also be given as `<name>_file` (or `<name>_files`)."""
    return SecretStr in (annotation, *getattr(annotation, "__args__", ()))


def holds_names(annotation: Any) -> bool:
    """Whether a field holds values under names that the owner of the file chooses."""
    return getattr(annotation, "__origin__", None) is dict


def _lines(details: Any, model: type[BaseModel]) -> list[str]:
    place, kind, context = details["loc"], details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return [f"{dotted(place)}: is no key that Ackline knows; {_suggestion(place, model)}"]
    if kind == "value_error":
        # A check over several fields stands at their common root, and each of its lines names its own place.
        lines = str(context["error"]).splitlines()
        return [f"{dotted(place)}: {line}" if place else line for line in lines]
    expected = _EXPECTED[kind](context) if kind in _EXPECTED else str(details["msg"])
    return [f"{dotted(place)}: {expected}"]


def _suggestion(place: Place, model: type[BaseModel]) -> str:
    known = _known_keys(place[:-1], model)
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"


def _known_keys(place: Place, model: type[BaseModel]) -> list[str]:
    for key in place:
        section = model.model_fields[str(key)].annotation
        assert isinstance(section, type)
        model = section
    names: list[str] = []
    for name, field in model.model_fields.items():
        names.append(name)
        if takes_files(field.annotation):
            names.append(f"{name}_files" if holds_names(field.annotation) else f"{name}_file")
    return names


def _bound(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


_A_NUMBER = "must be a number"
_A_WHOLE_NUMBER = "must be a whole number"
_TRUE_OR_FALSE = "must be true or false"
_A_SECTION = "must be a mapping: keys of its own, each indented on a line below"
_TEXT = "must be text; put it in quotes"

_EXPECTED: dict[str, Callable[[dict[str, Any]], str]] = {
    "bool_parsing": lambda _: _TRUE_OR_FALSE,
    "bool_type": lambda _: _TRUE_OR_FALSE,
    "dict_type": lambda _: _A_SECTION,
    "float_parsing": lambda _: _A_NUMBER,
    "float_type": lambda _: _A_NUMBER,
    "greater_than": lambda context: f"must be more than {_bound(context['gt'])}",
    "greater_than_equal": lambda context: f"must be at least {_bound(context['ge'])}",
    "int_from_float": lambda _: _A_WHOLE_NUMBER,
    "int_parsing": lambda _: _A_WHOLE_NUMBER,
    "int_type": lambda _: _A_WHOLE_NUMBER,
    "less_than_equal": lambda context: f"must be at most {_bound(context['le'])}",
    "literal_error": lambda context: f"must be {context['expected']}",
    "model_type": lambda _: _A_SECTION,
    "path_type": lambda _: "must be a path",
    "string_type": lambda _: _TEXT,
}
"""pydantic's kinds of error in words for the owner of a config file. What is missing here is said in pydantic's
words, which hold no value."""
