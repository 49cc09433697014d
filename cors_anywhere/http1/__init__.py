"""HTTP/1.1 on the wire (RFC 9112), parsed by llhttp: the client's side and the target's side."""
