"""What a release requires: rules as data, evaluated over recorded obligations."""
