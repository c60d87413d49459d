"""What may be claimed from reads and laboratory values: presence, copies, sites, clones, detection limit, verdict."""
