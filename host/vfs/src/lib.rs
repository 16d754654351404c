//! Files: the mount namespace of a container and the file systems in it.
