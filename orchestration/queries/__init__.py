"""Questions about figures, asked of the published edition: as of, corrections, explain.

Read only; knows the marts and macros by name. Called by the command line.
"""
