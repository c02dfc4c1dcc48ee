"""How the documents are read, and what is looked up of what they name."""
