"""The HTTP edge: alerts and acknowledgements in, Kafka out. It answers 2xx only after Kafka has acknowledged."""
