"""The options that suit a detector best, found on the rows that are learnt from: the rows to test on stay closed."""
