"""Packet batches to flow batches: the meter and its flow table."""
