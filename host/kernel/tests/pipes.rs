//! A pipe against a model: whatever is written, read and put back in whatever pieces, the bytes and their order hold.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails panics")]

use std::collections::VecDeque;

use bytes::Bytes;
use coracle_kernel::{Errno, PIPE_BUF, PIPE_CAPACITY, pipe};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Read(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![1..20_usize, 2_000..2_100_usize, 4_000..4_200_usize, 1..80_000_usize];
    let step = prop_oneof![size.clone().prop_map(Step::Write), size.prop_map(Step::Read)];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn a_pipe_is_a_bounded_queue_of_bytes(steps in steps()) {
        let (reader, writer) = pipe(PIPE_CAPACITY);
        let mut model = VecDeque::new();
        let mut next = 0_u8;
        for step in steps {
            let room = PIPE_CAPACITY - model.len();
            prop_assert_eq!(reader.is_readable(), !model.is_empty());
            prop_assert_eq!(writer.is_writable(), room >= PIPE_BUF);
            match step {
                Step::Write(size) => {
                    let data: Vec<u8> = (0..size).map(|at| next.wrapping_add(at as u8)).collect();
                    match writer.try_write(Bytes::from(data.clone())) {
                        Ok(taken) => {
                            prop_assert_eq!(taken, size.min(room));
                            prop_assert!(taken == size || size > PIPE_BUF, "a small write in part");
                            model.extend(&data[..taken]);
                            next = next.wrapping_add(taken as u8).wrapping_add(1);
                        }
                        Err(errno) => {
                            prop_assert_eq!(errno, Errno::AGAIN);
                            prop_assert!(room < size.min(PIPE_BUF));
                        }
                    }
                }
                Step::Read(max) => match reader.try_read(max) {
                    Ok(data) => {
                        prop_assert!(!data.is_empty() && data.len() <= max);
                        let expected: Vec<u8> = model.drain(..data.len()).collect();
                        prop_assert_eq!(&data[..], &expected[..]);
                    }
                    Err(errno) => {
                        prop_assert_eq!(errno, Errno::AGAIN);
                        prop_assert!(model.is_empty());
                    }
                },
            }
        }
        drop(writer);
        let mut rest = Vec::new();
        loop {
            let data = reader.try_read(1_000).unwrap();
            if data.is_empty() {
                break;
            }
            rest.extend_from_slice(&data);
        }
        prop_assert_eq!(rest, Vec::from(model));
    }
}
