"""Pictures of documents as vectors, in a space that holds texts too."""
