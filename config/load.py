"""Reads the config file, and is the only place that reads files and the environment for the settings.

What comes back is whole and valid, or every problem is told at once. No message holds a value from the file or from
the environment, since any of them may be a secret.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ValidationError

from config.interpolate import Interpolation
from config.parse import parse
from config.problems import ConfigError, Place, dotted, holds_names, problems_of, takes_files
from config.settings import Settings


__all__ = ["ConfigError", "Loaded", "load"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings that can be used, and what their owner should know about them all the same."""

    settings: Settings
    warnings: list[str]


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """The settings in this file, with the environment's variables in it.

    Raises:
        ConfigError: the file cannot be used; its `problems` are all that is wrong with it.
    """
    interpolation = Interpolation(environ)
    written = parse(_text_of(path, str(path)), str(path))
    tree = interpolation.of(written)
    problems = [*interpolation.problems, *_Files(path.parent).read_into(Settings, tree)]
    _fill_from_environment(tree, environ)
    settings = _validated(tree, problems)
    return Loaded(settings, [*_keys_left_empty(written, tree), *_warnings(settings)])


def _validated(tree: dict[str, Any], problems: list[str]) -> Settings:
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(problems + _problems_beside(problems, error)) from None
    problems = problems + _ca_problems(settings)
    if problems:
        raise ConfigError(problems)
    return settings


def _text_of(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problem = "there is no such file; check the path"
    except IsADirectoryError:
        problem = "is a directory; give the path of a file"
    except UnicodeDecodeError:
        problem = "is no UTF-8 text; save it as UTF-8"
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); check its permissions"
    raise ConfigError([f"{name}: {problem}"])


def _ca_problems(settings: Settings) -> list[str]:
    ca_file = settings.kafka.security.ca_file
    if ca_file is None or ca_file.is_file():
        return []
    return ["kafka.security.ca_file: there is no such file; check the path, or leave it out to trust the machine's own"]


def _problems_beside(known: list[str], error: ValidationError) -> list[str]:
    # A value that could not be filled in looks like one that nobody gave: its own problem is told already.
    of_the_whole = not error.errors()[0]["loc"]
    return [] if known and of_the_whole else problems_of(error, Settings)


def _fill_from_environment(tree: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Kafka and Redis from the environment, each only where the file names none."""
    _fill(tree, "kafka", {"bootstrap_servers": environ.get("KAFKA_BOOTSTRAP_SERVERS")})
    variables = {"host": "REDIS_HOST", "port": "REDIS_PORT", "password": "REDIS_PASSWORD"}
    _fill(tree, "redis", {name: environ.get(variable) for name, variable in variables.items()})


def _fill(tree: dict[str, Any], section: str, values: dict[str, str | None]) -> None:
    written = tree.setdefault(section, {})
    leading = next(iter(values))
    if isinstance(written, dict) and leading not in written and values[leading]:
        tree[section] = {name: value for name, value in values.items() if value} | written


class _Files:
    """Secrets that are given as files, and relative paths, resolved against the config file's directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read_into(self, model: type[BaseModel], tree: dict[str, Any]) -> list[str]:
        """Replace every `*_file` by what is in it and every relative path by a whole one; returns the problems."""
        return [
            problem
            for section, values, place in _sections(model, tree)
            for name, field in section.model_fields.items()
            for problem in self._read_field(values, name, field.annotation, place)
        ]

    def _read_field(self, values: dict[str, Any], name: str, annotation: Any, place: Place) -> Iterator[str]:
        if takes_files(annotation) and holds_names(annotation):
            files = values.pop(f"{name}_files", {})
            if not isinstance(files, dict):
                yield f"{dotted((*place, f'{name}_files'))}: must be a mapping of names to paths"
                return
            secrets = values.setdefault(name, {})
            for key, file in files.items() if isinstance(secrets, dict) else ():
                yield from self._read_secret(secrets, key, file, (*place, f"{name}_files", key), (*place, name, key))
        elif takes_files(annotation) and f"{name}_file" in values:
            file = values.pop(f"{name}_file")
            yield from self._read_secret(values, name, file, (*place, f"{name}_file"), (*place, name))
        elif Path in getattr(annotation, "__args__", ()) and isinstance(values.get(name), str):
            values[name] = self._resolved(values[name])

    def _read_secret(self, values: dict[str, Any], name: str, file: Any, place: Place, twin: Place) -> Iterator[str]:
        if name in values:
            yield f"{dotted(place)}: stands beside {dotted(twin)}; keep one of them"
        elif not isinstance(file, str):
            yield f"{dotted(place)}: must be a path"
        else:
            try:
                values[name] = _text_of(self._resolved(file), dotted(place)).strip()
            except ConfigError as error:
                yield from error.problems
            if values.get(name) == "":
                yield f"{dotted(place)}: the file is empty; put the secret into it"

    def _resolved(self, path: str) -> Path:
        beside = self._directory / path
        return (beside if beside.exists() else Path(path)).absolute()


def _sections(
    model: type[BaseModel], tree: dict[str, Any], place: Place = ()
) -> Iterator[tuple[type[BaseModel], dict[str, Any], Place]]:
    yield model, tree, place
    for name, field in model.model_fields.items():
        kind, values = field.annotation, tree.get(name)
        if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(values, dict):
            yield from _sections(kind, values, (*place, name))


def _keys_left_empty(written: dict[str, Any], tree: dict[str, Any]) -> list[str]:
    keys = "oncall", "pagerduty", "other_routing_keys"
    names = sorted(set(_below(written, *keys)) - set(_below(tree, *keys)))
    if not names:
        return []
    return [f"{dotted(keys)}: no key for {', '.join(names)}; alerts that name one page with the default key"]


def _below(tree: dict[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        tree = tree.get(key) or {}
    return tree


def _warnings(settings: Settings) -> list[str]:
    found = []
    template = settings.alert.slack.template_path
    if template and (problem := _template_problem(template, "alert.slack.template_path")):
        found.append(f"{problem}; the built-in message is used")
    pagerduty, slack = settings.oncall.pagerduty, settings.alert.slack
    if not (settings.ack.signing_key or slack.token or pagerduty.routing_key or pagerduty.other_routing_keys):
        found.append(
            "ack.signing_key: there is neither it nor any token or routing key, so incident ids can be guessed; "
            "set it (`openssl rand -hex 32` makes one)"
        )
    return found


def _template_problem(template: Path, name: str) -> str | None:
    try:
        ImmutableSandboxedEnvironment().parse(_text_of(template, name))
    except ConfigError as error:
        return error.problems[0]
    except TemplateSyntaxError as error:
        return f"{name}: is no Jinja2 template (a Go template?): line {error.lineno} cannot be read"
    except RecursionError:
        return f"{name}: is nested too deeply"
    return None
