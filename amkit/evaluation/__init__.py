"""Scores under a named protocol (App. B, C): whole games, score cards, testing epochs, videos."""
