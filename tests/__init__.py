"""Tests, in rooms named as the packages they test."""
