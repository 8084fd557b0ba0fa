"""Tests of the proofs: canonical rows, the tree, the verifier of a lake folder."""
