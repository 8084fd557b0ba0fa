"""The append-only lake: layout, commit, log, reader."""
