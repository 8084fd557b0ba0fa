"""What ingest does with files, seen from outside and piece by piece."""
