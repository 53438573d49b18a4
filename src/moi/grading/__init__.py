"""Graded assignments: their checks, and their release derived from their source."""
