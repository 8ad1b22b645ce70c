"""Who is who: Pro Santé Connect, citizens' login, operators' login, sessions."""
