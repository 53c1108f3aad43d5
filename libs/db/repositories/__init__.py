"""All SQL. Repositories never commit: `async with sessions.begin()` around a use does."""
