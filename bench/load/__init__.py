"""Load by HTTP, from processes of their own: as fast as the server lets it, or at a set rate."""
