"""Event contracts and their vectorised validation."""
