"""RFC 3161 time stamps: an outside authority's word that a note existed at a time.

Holds the question, and the check of the answer against the authority's root certificate. Does not
use the network (`orchestration` sends the question). Called by `audit.verify` and `time-stamp`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from ledger.errors import IncorrectInput


def time_stamp_request(data: bytes) -> bytes:
    """The question to an authority, DER: its stamp of the SHA-256 of `data`, with a nonce."""
    builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
    return builder.nonce(nonce=True).cert_request(cert_request=True).build().as_bytes()


def stamped_at(data: bytes, answer: bytes, roots_pem: bytes) -> datetime:
    """When the authority saw `data` (UTC). IncorrectInput if this is no stamp of it by an
    authority under one of the PEM certificates."""
    try:
        response = decode_timestamp_response(answer)
        builder = VerifierBuilder()
        for root in x509.load_pem_x509_certificates(roots_pem):
            builder = builder.add_root_certificate(root)
        builder.build().verify_message(response, data)
        return response.tst_info.gen_time.astimezone(UTC)
    except (ValueError, VerificationError) as error:
        raise IncorrectInput(
            "time_stamp_must_verify",
            thing="time stamp",
            expected="an answer of this authority over these very bytes",
            found=str(error) or type(error).__name__,
            remedy="Give the answer made for this file, and the authority's root certificate.",
        ) from None


def require_stamped(data: bytes, answer: Path, roots: Path) -> datetime:
    """As `stamped_at`, from files."""
    return stamped_at(data, answer.read_bytes(), roots.read_bytes())
