"""The HTTP API: cascades in, reports of providers in, news out."""
