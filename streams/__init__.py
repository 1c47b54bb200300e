"""The pipeline's heart: alerts become incidents, deadlines meet acknowledgements, and what is due becomes a page.

Start reading at `streams.topics`.
"""
