"""Channels: adapters between messages and those who carry them."""
