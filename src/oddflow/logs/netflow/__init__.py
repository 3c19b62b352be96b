"""NetFlow v5 and v9 and IPFIX: datagrams of exporters to one-way records and biflows."""
