//! `wasi:random`: the daemon's generator, which the operating system seeds.

use rand::RngCore;

use crate::bindings::wasi::random::{insecure, insecure_seed, random};
use crate::guest::Guest;

/// Most bytes one call answers; the guest cannot make the host allocate more.
const MAX_RANDOM: u64 = 16 << 20;

fn bytes(length: u64) -> wasmtime::Result<Vec<u8>> {
    if length > MAX_RANDOM {
        return Err(wasmtime::format_err!("{length} random bytes at once are more than {MAX_RANDOM}"));
    }
    let mut bytes = vec![0; usize::try_from(length)?];
    rand::rng().fill_bytes(&mut bytes);
    Ok(bytes)
}

impl random::Host for Guest {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        bytes(length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(rand::rng().next_u64())
    }
}

impl insecure::Host for Guest {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        bytes(length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(rand::rng().next_u64())
    }
}

impl insecure_seed::Host for Guest {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((rand::rng().next_u64(), rand::rng().next_u64()))
    }
}
