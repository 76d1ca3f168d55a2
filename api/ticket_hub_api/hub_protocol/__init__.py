"""The Hugging Face Hub protocol, as its clients speak it; docs/protocol.md lists the endpoints."""
