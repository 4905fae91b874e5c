"""What scripts/bench is made of: peers, the work they are given, targets, and the page made of the figures."""
