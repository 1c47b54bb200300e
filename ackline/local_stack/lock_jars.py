"""Resolves Apache Kafka and what it needs to `kafka-jars.lock`: `python -m ackline.local_stack.lock_jars`."""

import tempfile

from pathlib import Path

from ackline.local_stack.jars import KAFKA_VERSION, LOCK_FILE, LockedJar, format_lock, maven_context, sha256_of


# The logging binding is the one that this Kafka ships with. `!` keeps the versions that its parent manages
# (an older kafka-clients among them) away from Kafka's own.
ROOTS = [f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3!"]


def main() -> None:
    """Renew the lock file in the source tree."""
    with tempfile.TemporaryDirectory() as scratch:
        context = maven_context(Path(scratch))
        roots, dependencies = context.resolver.resolve([context.create_dependency(root) for root in ROOTS])
        jars = [
            LockedJar(
                f"{each.groupId}:{each.artifactId}:{each.version}",
                sha256_of(each.artifact.resolve()),
            )
            for each in [*roots, *dependencies]
        ]
    LOCK_FILE.write_text(format_lock(jars))


if __name__ == "__main__":
    main()
