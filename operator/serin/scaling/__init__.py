"""Pure: how many pods a version needs for its share of the traffic."""
