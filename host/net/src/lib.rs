//! Virtual networks: addresses, names, sockets, published ports.
