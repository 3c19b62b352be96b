"""A candidate model beside the active one, on the same traffic."""
