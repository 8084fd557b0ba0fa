"""Files of outside systems turned into batches."""
