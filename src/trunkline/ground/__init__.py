"""The ground everything stands on: the root of the errors, type aliases, sentinel and loggers."""
