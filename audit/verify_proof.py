"""Verify a proof of one figure: `python -m audit.verify_proof FILE --key KEY`.

Needs the proof and the lake's public key; of ours only the folders `audit` and `ledger`.
Exit 0: all holds, 1: something is wrong, 2: wrong use. `audit.verify` hands proofs on to it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from audit.figure_proof import FigureProof, check_proof, read_proof
from audit.signed_note import Verifier
from audit.trusted_keys import read_keys
from ledger.errors import IncorrectInput

WRONG_USE = 2


def verify_proof(data: bytes, verifiers: Sequence[Verifier]) -> FigureProof:
    """The proof of a document, once all of it holds. IncorrectInput says what does not."""
    proof = read_proof(data)
    check_proof(proof, verifiers)
    return proof


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m audit.verify_proof",
        description="Verify that the events of a figure are in the signed lake and sum up to it.",
        epilog="Exit code 0: all holds, 1: something is wrong, 2: wrong use.",
    )
    add = parser.add_argument
    add("proof", type=Path, help="file that `ledgerlake prove` wrote")
    add("--key", required=True, action="append", metavar="VKEY_OR_FILE", help="lake's public key")
    add("--json", action="store_true", help="print the result as one JSON object")
    given = parser.parse_args(arguments)
    try:
        data, keys = given.proof.read_bytes(), read_keys(given.key)
    except (OSError, IncorrectInput) as error:
        sys.stderr.write(f"python -m audit.verify_proof: {error}\n")
        return WRONG_USE
    try:
        proof = verify_proof(data, keys)
    except IncorrectInput as error:
        said = {"ok": False, "rule": error.rule, "expected": error.expected, "found": error.found}
        text = json.dumps(said, indent=2) if given.json else f"BROKEN: {error.rule}: {error}"
        sys.stdout.write(f"{text}\n")
        return 1
    sys.stdout.write(f"{_as_json(proof) if given.json else _as_text(proof)}\n")
    return 0


def _as_json(proof: FigureProof) -> str:
    said = {
        "ok": True,
        "lake_id": proof.lake_id,
        "store_id": proof.store_id,
        "business_date": proof.business_date,
        "known_as_of_us": proof.known_as_of_us,
        "events": len(proof.events),
        "cells": [asdict(cell) for cell in proof.cells],
    }
    return json.dumps(said, indent=2, ensure_ascii=False)


def _as_text(proof: FigureProof) -> str:
    head = f"ok: store {proof.store_id}, {proof.business_date}: {len(proof.events):,} events proven"
    lines = [
        f"  {cell.category or '(none)'}, {cell.channel or '(none)'}: {cell.amount or 0} "
        f"{cell.currency or ''} in {cell.event_count:,} events"
        for cell in proof.cells
    ]
    return "\n".join([head, *lines])


if __name__ == "__main__":
    sys.exit(main())
