"""Work that is done in a process that may do little: what strangers sent, what may take all memory there is."""
