"""When things happen: settings, command line, builds, publishing.

Does not hold rules. May import every room to its left.
"""
