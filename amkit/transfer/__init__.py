"""Sections 3.4 and 5.2: an AMN's weights as the beginning of a new game."""
