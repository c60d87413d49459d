"""Builders and simulators that users, docs and tests share."""
