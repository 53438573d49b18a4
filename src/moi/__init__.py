"""The marketing–operations interface: mini-models, the comparison of the two sides, the explorer and grading."""

__version__ = "0.1.0"
