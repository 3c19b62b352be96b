"""How the tables came to be, one revision after another; run when a store is opened."""
