"""Execute statements with psycopg2 alone."""
