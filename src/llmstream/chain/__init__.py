"""Chains: calls of a model, and of the tools that it asks for, until it is done."""
