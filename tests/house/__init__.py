"""Conventions as tests; a failure says what to do."""
