"""The broker: the daemon of cascades. Commands become sends, what comes back becomes events."""
