"""Other tools' records to flow batches."""
