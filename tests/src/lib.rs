//! What the end-to-end tests share: a daemon on a temporary socket and the clients that drive it.
