"""What the chaos run is made of: faults, writers, watchers and a printed history."""
