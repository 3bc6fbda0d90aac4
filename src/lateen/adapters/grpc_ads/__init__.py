"""xDS over gRPC: streams of bytes to and from `lateen.controlplane` sessions, and the server that carries them."""
