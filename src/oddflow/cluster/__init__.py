"""Beyond one machine: work spread over Ray. Nothing else imports Ray; the extra `cluster` brings it."""
