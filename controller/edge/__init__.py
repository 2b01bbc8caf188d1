"""The edge: what is let in before anything is parsed, what is shed under load, what may be sent to strangers."""
