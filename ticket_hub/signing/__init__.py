"""Signatures: who vouches for a bundle, a replay, or how a bundle was made.

Keys lie in files on this machine and nothing here uses the network. Everything that is signed is a
DSSE envelope; that of a bundle is in the format of OpenSSF Model Signing, so that others can check
it without Ticket Hub.
"""
