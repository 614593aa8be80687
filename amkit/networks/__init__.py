"""What sees the game: the networks, their 18 outputs and the mask of legal actions."""
