"""Proof, pure: canonical rows, Merkle tree, verification of a lake folder.

Does not write a lake. Imports `ledger` only; called by `ingestion` and the CLI.
"""
