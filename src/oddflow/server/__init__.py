"""The service: sources in, live verdicts, a store, an API and pages, for months."""
