"""Tokens: a Better Auth JWT -> the user it names."""
