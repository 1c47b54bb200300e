"""What can go wrong with the local Kafka and Redis, as a person should read it."""


class LocalStackError(Exception):
    """The local Kafka and Redis could not be brought up; the message says why and what to do."""
