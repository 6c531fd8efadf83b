"""Audits of a screen task, what they prove, and claims that others can check."""
