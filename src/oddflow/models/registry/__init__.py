"""A folder of models under names, in versions, with a journal of who did what and why."""
