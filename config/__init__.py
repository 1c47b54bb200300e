"""What a deployment decides: the settings as types, and the one place that reads them from files and environment."""
