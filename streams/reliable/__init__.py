"""What is changed in Faust so that it loses nothing. Each module names the way of losing a record that it closes."""
