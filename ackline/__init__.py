"""The composition root: puts the roles together, runs them and what they need. Nothing imports it."""
