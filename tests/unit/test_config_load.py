"""The config file is read strictly: every fault is named by its place, and no message holds a value."""

from pathlib import Path

import pytest

from config.load import ConfigError, Loaded, load


DATA = Path(__file__).parents[1] / "data"
ENVIRONMENT = {
    "SLACK_TOKEN": "xoxb-s3cret",
    "SLACK_CHANNEL_ID": "C123",
    "PAGERDUTY_ROUTING_KEY": "s3cret-default",
    "PAGERDUTY_OTHER_ROUTING_KEY_INFRA": "s3cret-infra",
    "PAGERDUTY_OTHER_ROUTING_KEY_APP": "s3cret-app",
    "PAGERDUTY_OTHER_ROUTING_KEY_DB": "s3cret-db",
    "REDIS_HOST": "redis.example",
    "REDIS_PORT": "6380",
    "REDIS_PASSWORD": "s3cret-redis",
}
COMPLETE = """
alert:
  slack: {token: ${SLACK_TOKEN}, channel_id: C123}
oncall:
  pagerduty: {routing_key: ${PAGERDUTY_ROUTING_KEY}}
"""
A_DURATION = "must be a duration such as 250ms, 90s, 5m, 5h or 14d"
A_SECTION = "must be a mapping: keys of its own, each indented on a line below"
NO_YAML = "put values that begin with a special character in quotes, and indent with spaces"

FAULTS = {
    "a-list": ["FILE: must be keys and values (`port: 3000`), and is none"],
    "ca-file-missing": [
        "kafka.security.ca_file: there is no such file; check the path, or leave it out to trust the machine's own"
    ],
    "contains-itself": [f"FILE, line 5, column 8: is no YAML: found unconstructable recursive node; {NO_YAML}"],
    "control-character": ["FILE: has a control character, which YAML allows nowhere; take it out"],
    "duplicate-key": ["FILE, line 3, column 1: name stands here for the second time; keep one of them"],
    "empty": ["FILE: is empty; begin with a copy of the config/config.yaml that comes with Ackline"],
    "latin-1": ["FILE: is no UTF-8 text; save it as UTF-8"],
    "missing-variables": [
        "public_host: the environment variable ACK_HOST is not set; "
        "set it, or write ${ACK_HOST:-} where it may be empty",
        "public_host: the environment variable ACK_PATH is not set; "
        "set it, or write ${ACK_PATH:-} where it may be empty",
        "oncall.pagerduty.routing_key: the environment variable NOT_SET_ROUTING_KEY is not set; "
        "set it, or write ${NOT_SET_ROUTING_KEY:-} where it may be empty",
    ],
    "nobody-told-nobody-paged": [
        "alert.slack: needs token and channel_id; set them, or alert.slack.enable: false to tell nobody",
        "oncall.pagerduty.routing_key: is missing, so nobody could be paged; "
        "set it (PagerDuty: service, Integrations, Events API V2), or oncall.enable: false",
    ],
    "not-yaml": [f"FILE, line 4, column 7: is no YAML: expected ',' or '}}', but got ':'; {NO_YAML}"],
    "only-a-comment": ["FILE: is empty; begin with a copy of the config/config.yaml that comes with Ackline"],
    "secret-files-unusable": [
        "alert.slack.token_file: there is no such file; check the path",
        "oncall.pagerduty.routing_key_file: the file is empty; put the secret into it",
        "oncall.pagerduty.other_routing_keys_files.infra: must be a path",
        "redis.password_file: is a directory; give the path of a file",
    ],
    "stray-reference": [
        "name: has a `${` that begins no ${NAME}; a plain `$` is written `$$`",
        "host: has a `${` that begins no ${NAME}; a plain `$` is written `$$`",
    ],
    "tab-for-indent": [
        f"FILE, line 3, column 1: is no YAML: found character '\\t' that cannot start any token; {NO_YAML}"
    ],
    "token-and-token-file": [
        "alert.slack.token_file: stands beside alert.slack.token; keep one of them",
        "oncall.pagerduty.other_routing_keys_files.infra: "
        "stands beside oncall.pagerduty.other_routing_keys.infra; keep one of them",
    ],
    "unknown-keys": [
        "kafka.bootstrap_server: is no key that Ackline knows; did you mean bootstrap_servers?",
        "kafka.zzz: is no key that Ackline knows; known here: bootstrap_servers, topic_prefix, partitions, "
        "replication_factor, session_timeout, security",
        "timers: is no key that Ackline knows; did you mean timer?",
    ],
    "unquoted-exclamation": [
        f"FILE, line 3, column 12: is no YAML: could not determine a constructor for the tag …; {NO_YAML}"
    ],
    "unquoted-star": [f"FILE, line 3, column 12: is no YAML: found undefined alias …; {NO_YAML}"],
    "wrong-type-from-environment": [
        "public_host: must be a URL such as https://ack.example, without a query",
        "redis.port: must be a whole number",
    ],
    "wrong-types": [
        "port: must be a whole number",
        "public_host: must be a URL such as https://ack.example, without a query",
        "alert.debug_body: must be true or false",
        "alert.slack.token: must be text; put it in quotes",
        "alert.slack.channel_id: must be text; put it in quotes",
        "oncall.enable: must be true or false",
        "oncall.wait_minutes: must be a number",
        "oncall.provider: must be 'pagerduty'",
        f"oncall.pagerduty: {A_SECTION}",
        "redis.db: must be a whole number",
        "kafka.partitions: must be at least 1",
        "kafka.replication_factor: must be a number",
        "kafka.session_timeout: must be at most 12 seconds",
        "kafka.security.protocol: must be 'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'",
        f"incident.quiet_after: {A_DURATION}",
        "ack.signing_key: must have at least 32 characters; `openssl rand -hex 32` makes one",
        f"timer.tick: {A_DURATION}",
    ],
}


def loaded(tmp_path: Path, text: str, **environ: str) -> Loaded:
    """A config with this text, in a file of its own."""
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return load(file, ENVIRONMENT | environ)


def problems(file: Path, environ: dict[str, str]) -> list[str]:
    """What is wrong with this file, in lines that call it FILE."""
    with pytest.raises(ConfigError) as error:
        load(file, environ)
    return [line.replace(str(file), "FILE") for line in error.value.problems]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_by_its_place(fault: str) -> None:
    """Every problem of a file is told at once, where it is and what to do about it."""
    environ = ENVIRONMENT | {"NOT_A_NUMBER": "s3cret"}

    assert problems(DATA / "config" / f"{fault}.yaml", environ) == FAULTS[fault]


def test_every_faulty_file_has_its_expectation() -> None:
    """A faulty file that no test reads would rot; the one without a fault is only warned of."""
    assert {file.stem for file in (DATA / "config").glob("*.yaml")} == {*FAULTS, "no-secret-at-all"}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_message_holds_a_secret(fault: str) -> None:
    """A value may be a secret wherever it stands, so none is repeated; the faulty files are full of them."""
    told = "\n".join(problems(DATA / "config" / f"{fault}.yaml", ENVIRONMENT | {"NOT_A_NUMBER": "s3cret"}))

    assert "s3cret" not in told
    assert "1234567890" not in told


def test_missing_file(tmp_path: Path) -> None:
    """A path that leads nowhere is a problem in words and no traceback."""
    assert problems(tmp_path / "none.yaml", {}) == ["FILE: there is no such file; check the path"]


def test_directory_for_a_file(tmp_path: Path) -> None:
    """A directory is told from a file that is missing."""
    assert problems(tmp_path, {}) == ["FILE: is a directory; give the path of a file"]


def test_seed_file_loads_as_it_is() -> None:
    """The file that the project starts from is valid without a change, given its environment."""
    settings = load(DATA / "seed" / "config.yaml", ENVIRONMENT | {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}).settings

    assert settings.oncall.wait_minutes == 3
    assert settings.key_names == {"infra", "app", "db"}
    assert (settings.redis.host, settings.redis.port) == ("redis.example", 6380)
    assert settings.kafka.bootstrap_servers == "kafka:9092"


def test_seed_template_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed's Go template is found from the working directory, and said to be none of ours; nothing stops."""
    (tmp_path / "config").mkdir()
    for name in ("config.yaml", "slack_message.tmpl"):
        (tmp_path / "config" / name).write_bytes((DATA / "seed" / name).read_bytes())
    monkeypatch.chdir(tmp_path)

    warnings = load(Path("config/config.yaml"), ENVIRONMENT).warnings

    assert warnings == [
        "alert.slack.template_path: is no Jinja2 template (a Go template?): line 1 cannot be read; "
        "the built-in message is used"
    ]


def test_missing_template_is_a_warning(tmp_path: Path) -> None:
    """A template never stops an alert, not even one that is not there."""
    text = COMPLETE.replace("C123", "C123, template_path: gone.j2")

    assert loaded(tmp_path, text).warnings == [
        "alert.slack.template_path: there is no such file; check the path; the built-in message is used"
    ]


def test_template_beside_the_config_comes_first(tmp_path: Path) -> None:
    """A relative path means the config file's directory wherever it leads somewhere there."""
    (tmp_path / "message.j2").write_text("{{ status }}")

    result = loaded(tmp_path, COMPLETE.replace("C123", "C123, template_path: message.j2"))

    assert result.settings.alert.slack.template_path == tmp_path / "message.j2"
    assert result.warnings == []


def test_variables_are_values_and_never_yaml(tmp_path: Path) -> None:
    """What a variable holds cannot change the structure of the file."""
    name = "x\nport: 1\n# {[${SLACK_TOKEN}"

    settings = loaded(tmp_path, f"name: ${{NAME}}\n{COMPLETE}", NAME=name).settings

    assert settings.name == name
    assert settings.port == 3000


@pytest.mark.parametrize(
    ("written", "name"),
    [
        pytest.param("'${NAME:-fallback}'", "set", id="set"),
        pytest.param("${OTHER:-fallback: 1}", "fallback: 1", id="default"),
        pytest.param("${EMPTY:-fallback}", "fallback", id="default where empty"),
        pytest.param("a-${NAME}-${NAME}", "a-set-set", id="within text"),
        pytest.param("$${NAME} costs $5", "${NAME} costs $5", id="dollars"),
        pytest.param("${EMPTY}", "ackline", id="empty is not given"),
        pytest.param("", "ackline", id="null is not given"),
    ],
)
def test_references(tmp_path: Path, written: str, name: str) -> None:
    """`${NAME}`, `${NAME:-default}` and `$$` mean what they mean in a compose file."""
    quoted = f'"{written}"' if ": " in written else written
    assert loaded(tmp_path, f"name: {quoted}\n{COMPLETE}", NAME="set", EMPTY="").settings.name == name


def test_variables_become_numbers_and_truth_values(tmp_path: Path) -> None:
    """A variable is text, and the field decides what it is read as."""
    text = f"port: ${{PORT}}\nack: {{confirm: ${{CONFIRM}}}}\ntimer: {{tick: ${{TICK}}}}\n{COMPLETE}"

    settings = loaded(tmp_path, text, PORT="8080", CONFIRM="true", TICK="0.5").settings

    assert (settings.port, settings.ack.confirm, settings.timer.tick.total_seconds()) == (8080, True, 0.5)


def test_secrets_from_files(tmp_path: Path) -> None:
    """Every secret may stand in a file, whose last line end is not part of it."""
    (tmp_path / "secret").write_text("  from-a-file-of-at-least-32-characters\n")
    text = """
alert: {slack: {token_file: secret, channel_id: C123}}
oncall: {pagerduty: {routing_key_file: secret, other_routing_keys_files: {infra: secret}}}
redis: {password_file: secret}
kafka: {security: {password_file: secret}}
ack: {signing_key_file: secret}
"""

    settings = loaded(tmp_path, text).settings

    pagerduty = settings.oncall.pagerduty
    secrets = [
        settings.alert.slack.token,
        pagerduty.routing_key,
        pagerduty.other_routing_keys["infra"],
        settings.redis.password,
        settings.kafka.security.password,
        settings.ack.signing_key,
    ]
    assert [secret and secret.get_secret_value() for secret in secrets] == ["from-a-file-of-at-least-32-characters"] * 6


def test_kafka_and_redis_from_the_environment(tmp_path: Path) -> None:
    """A file that names neither takes both from the environment."""
    settings = loaded(tmp_path, COMPLETE, KAFKA_BOOTSTRAP_SERVERS="kafka:9092").settings

    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert (settings.redis.host, settings.redis.port) == ("redis.example", 6380)
    assert settings.redis.password is not None


def test_the_file_comes_before_the_environment(tmp_path: Path) -> None:
    """The environment's Redis, password and all, is another one than the file's."""
    text = f'kafka: {{bootstrap_servers: "mine:9092"}}\nredis: {{host: mine}}\n{COMPLETE}'

    settings = loaded(tmp_path, text, KAFKA_BOOTSTRAP_SERVERS="kafka:9092").settings

    assert settings.kafka.bootstrap_servers == "mine:9092"
    assert (settings.redis.host, settings.redis.port, settings.redis.password) == ("mine", 6379, None)


def test_empty_variables_name_no_server(tmp_path: Path) -> None:
    """An empty variable is none: `ackline up` then starts a local Kafka and Redis."""
    settings = loaded(tmp_path, COMPLETE, KAFKA_BOOTSTRAP_SERVERS="", REDIS_HOST="").settings

    assert (settings.kafka.bootstrap_servers, settings.redis.host, settings.redis.password) == (None, None, None)


def test_names_without_a_key_are_warned_of(tmp_path: Path) -> None:
    """An alert that names a key which is empty pages with the default key, and its owner should know before."""
    keys = "routing_key: r, other_routing_keys: {infra: ${INFRA:-}, db: x}"

    result = loaded(tmp_path, COMPLETE.replace("routing_key: ${PAGERDUTY_ROUTING_KEY}", keys))

    assert result.settings.key_names == {"db"}
    assert result.warnings == [
        "oncall.pagerduty.other_routing_keys: no key for infra; alerts that name one page with the default key"
    ]


def test_ids_without_a_secret_are_warned_of() -> None:
    """Ids come from the configured secrets; without any of them they can be guessed."""
    assert load(DATA / "config" / "no-secret-at-all.yaml", {}).warnings == [
        "ack.signing_key: there is neither it nor any token or routing key, so incident ids can be guessed; "
        "set it (`openssl rand -hex 32` makes one)"
    ]


def test_printing_settings_shows_no_secret() -> None:
    """Settings end in logs and tracebacks sooner or later."""
    settings = load(DATA / "seed" / "config.yaml", ENVIRONMENT).settings

    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()}"


def test_default_config_loads_with_the_seed_s_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The config that comes with Ackline needs no edit, and its template is found from anywhere."""
    monkeypatch.chdir("/")

    result = load(DATA.parents[1] / "config" / "config.yaml", ENVIRONMENT)

    assert result.warnings == []
    assert result.settings.key_names == {"infra", "app", "db"}
