"""What runs under the supervisor, and the launcher that starts it: see docs/architecture.md for the process tree."""
