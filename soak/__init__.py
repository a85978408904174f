"""The soak: many requests through the client and the server of this package, faults among them, and what they leave.

It is not part of the package. `python -m soak` runs it from the repository's root.
"""
