"""The server half: HTTP servers under wrk, each a program of its own with the same answers, in one interleaved run."""
