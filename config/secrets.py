"""Derives purpose-bound secrets from configured ones, so that no configured secret is used for two things."""

import hashlib
import hmac

from pydantic import SecretStr


def derive_secret(purpose: str, *secrets: SecretStr) -> bytes:
    """32 bytes for one purpose: HKDF with SHA-256 (RFC 5869), extract and one expand step.

    Each secret's length goes in before it, so that no two lists of secrets run together to the same bytes.
    """
    material = b"".join(
        len(text).to_bytes(4, "big") + text for text in (secret.get_secret_value().encode() for secret in secrets)
    )
    pseudorandom_key = hmac.digest(b"ackline.hkdf.v1", material, hashlib.sha256)
    return hmac.digest(pseudorandom_key, purpose.encode() + b"\x01", hashlib.sha256)
