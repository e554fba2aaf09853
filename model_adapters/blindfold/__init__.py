"""Blindness: any model under a condition that hides the pictures from it."""
