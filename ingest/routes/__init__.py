"""The routes, one file per subject. Each adds itself to the app; none knows another."""
