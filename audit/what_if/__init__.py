"""What would have happened under other settings: recorded alerts and ACKs, run through them in virtual time."""
