"""YAML text to plain values, strictly: one mapping, no key twice, every key as it is written.

YAML 1.1 has readings that nobody means in a config file: a key `no` or `on` is false or true, and `3:00` is 180.
Here a key is always its text, and `3:00` is text too, which no number field takes. A reference to a variable may stand
unquoted everywhere, in `{token: ${SLACK_TOKEN}}` too.
"""

import re

from typing import Any

import yaml

from config.problems import ConfigError


_REFERENCE = re.compile(r"\$\{([^{}\n]*)\}")
_BRACES = str.maketrans("\ue000\ue001", "{}")
"""What stands for the braces of references while YAML is read, which takes braces in braces for a mapping. One character
for one, so that columns stay right."""


def parse(text: str, name: str) -> dict[str, Any]:
    """The mapping that this YAML is.

    Raises:
        ConfigError: with the line where it stops to be YAML. The line itself is not repeated: it may hold a secret.
    """
    try:
        # The loader is PyYAML's safe one.
        tree = yaml.load(_REFERENCE.sub("$\ue000\\1\ue001", text), Loader=_Loader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        raise ConfigError([f"{_where(name, error)}: {_what(error)}"]) from None
    except yaml.YAMLError:
        raise ConfigError([f"{name}: has a control character, which YAML allows nowhere; take it out"]) from None
    except (RecursionError, ValueError, LookupError):
        # An explicit tag whose value is none (`!!bool maybe`), or nesting without end.
        raise ConfigError([f"{name}: holds a value that cannot be read; leave out tags (`!!…`)"]) from None
    if tree is None:
        raise ConfigError([f"{name}: is empty; begin with a copy of the config/config.yaml that comes with Ackline"])
    if not isinstance(tree, dict):
        raise ConfigError([f"{name}: must be keys and values (`port: 3000`), and is none"])
    return tree


class _Refused(yaml.MarkedYAMLError):
    """YAML, but none that a config file may have. Its problem is in our words."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, without its surprises."""

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        """The scalar, with the braces of its references again."""
        node = super().compose_scalar_node(anchor)
        node.value = node.value.translate(_BRACES)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: ARG002
        """The mapping, its keys as they are written, each of them once."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Refused(problem="a key must be text", problem_mark=key.start_mark)
            if key.value in seen:
                problem = f"{key.value} stands here for the second time; keep one of them"
                raise _Refused(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        self.flatten_mapping(node)
        # Whole at once (deep), so that no value is still to be filled in when it is looked at.
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        """A number, or the text where it is base sixty."""
        if ":" in node.value:
            return node.value
        return self.construct_yaml_int(node) if node.tag.endswith(":int") else self.construct_yaml_float(node)

    def construct_text(self, node: yaml.ScalarNode) -> Any:
        """What is written there."""
        return node.value


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_number)
# No field takes a date; text that looks like one stays text.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_text)


def _where(name: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"{name}, line {mark.line + 1}, column {mark.column + 1}" if mark else name


def _what(error: yaml.MarkedYAMLError) -> str:
    if isinstance(error, _Refused):
        return str(error.problem)
    # A value that begins with *, & or ! is an alias, an anchor or a tag to YAML, and stands in its message.
    problem = re.sub(r"(?<!\S)'[^'<\s]{3,}'", "…", error.problem or "cannot be read")
    return f"is no YAML: {problem}; put values that begin with a special character in quotes, and indent with spaces"
