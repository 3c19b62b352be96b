"""Other tools' records, and our own tables, to flow batches."""
