"""Eq. 2 to 6: losses, returns, DQN, PQN, Actor-Mimic, and the loop around them."""
