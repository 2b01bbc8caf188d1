"""Stores: cascades, their history and what must be looked up, durable before anything is done."""
