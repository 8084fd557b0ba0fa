"""The choke point on real lakes, with real keys."""
