"""What the topics prove: reads them without a trace, and says what became of every alert, and why."""
