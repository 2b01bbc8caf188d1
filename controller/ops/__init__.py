"""What operators see: console, metrics, records, alerts, MQTT. All of it consumes what the daemons tell, in a process of its own."""
