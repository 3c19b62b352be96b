"""Arrays to fitted estimators: a closed registry, one family a file."""
