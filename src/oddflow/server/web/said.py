"""What a page says after a form was sent: the address holds a word of this list, so that nobody else puts words in."""

SAID: dict[str, str] = {
    "taken": "You have taken this incident.",
    "closed": "The incident is closed.",
    "opened": "The incident is open again.",
    "noted": "Your note is kept.",
    "benign": "Marked benign. Alerts like it stay quiet from now on; undo it below.",
    "malicious": "Marked malicious. Alerts like it are always shown from now on.",
    "undone": "Taken back. Alerts like it are shown again.",
    "saved": "Saved.",
    "promoted": "Promoted. Sources that follow this name go over to it within seconds.",
    "comparing": "Both versions judge the stored flows now. What comes out appears here by itself.",
    "rolled-back": "Rolled back. Sources that follow this name go over to it within seconds.",
    "revoked": "The token is revoked: whatever used it gets no further.",
    "logged-out": "Logged out there.",
    "forgotten": "The verdict and its report are deleted.",
}
"""By the value of ?said=."""
