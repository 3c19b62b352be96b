"""The revisions: each leads from the one before, never back; none is changed once it was released."""
