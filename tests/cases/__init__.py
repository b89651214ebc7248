"""Cases as data, and the documents that they are about. Nothing here is a test."""
