"""From a host name to a connected, verified transport, and the time that may take."""
