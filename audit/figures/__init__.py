"""How a team fares: times to acknowledge and to resolve, rates, noise; computed from the records alone."""
