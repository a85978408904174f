"""Ways to see what a session does: timelines, HAR files, and exporters; each is imported by those who use it."""
