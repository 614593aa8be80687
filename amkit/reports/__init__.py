"""Recorded cards as tables, figures and pages: Tables 1 and 2, Figures 1 to 7."""
