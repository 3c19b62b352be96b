"""Groups of flows each of which is normal alone: scans, floods, beacons, slow uploads, slow guessing."""
