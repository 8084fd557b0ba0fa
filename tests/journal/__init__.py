"""Tests of the journal: appending, commands, draining, folding, races and kills."""
