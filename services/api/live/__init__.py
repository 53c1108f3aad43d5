"""What happens, told as it happens: events from Postgres, ticks of progress from Redis."""
