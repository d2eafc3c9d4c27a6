"""Pages for people: rendered on the server, readable without a script, in English and Spanish."""
