"""The steps of the main job: check, test, build, seal, verify. Each is a function from a workspace to records."""
