"""Editions, their readers, the live tail."""
