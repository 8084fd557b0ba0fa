"""What asks for runs, one module per question. Each asks for one thing or says why not.

A sensor only looks: whatever it starts goes through the same lock and gates as the command line.
Its cursor lies in Dagster's storage, its run keys name the commit, so a restart repeats nothing.
"""
