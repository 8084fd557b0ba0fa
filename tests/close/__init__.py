"""Tests of the close: plan, apply, reopen, and that no path moves what is closed."""
