"""Peers: every system, tinydl included, runs in a process of its own and speaks the protocol of protocol.py."""
