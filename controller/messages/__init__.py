"""What becomes of a cascade: requests, policy, plans and the reducer. Pure: events and now in, commands out."""
