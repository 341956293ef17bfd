"""Sealing: where private keys and private leaves touch the disk. The formats themselves are pure, in ``evidence``."""
