"""A local The Odds API that serves recorded payloads."""
