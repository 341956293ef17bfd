"""The project under evidence, as git and the file system see it."""
