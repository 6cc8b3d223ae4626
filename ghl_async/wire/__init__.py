"""What happens between a method call and the socket. Importable, but nobody's business outside the package."""
