"""Coursework that can be marked: what each assignment tests, and which mistake was made."""
