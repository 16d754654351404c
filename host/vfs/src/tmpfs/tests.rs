use super::*;
use crate::{Access, Handle, Name, SetAttributes, XattrFlags};

fn file(fs: &Tmpfs, name: &[u8]) -> Result<Arc<dyn Node>> {
    let new = NewNode { kind: NewKind::Regular, mode: 0o644, uid: 0, gid: 0 };
    fs.root().create(Name::new(name).unwrap(), &new)
}

fn open(fs: &Tmpfs, name: &[u8]) -> Arc<dyn Handle> {
    file(fs, name).unwrap().open(Access::READ | Access::WRITE).unwrap()
}

#[test]
fn a_hole_takes_no_space_and_reads_as_zeros() {
    let fs = Tmpfs::new(Some(1 << 20), 0o755).unwrap();
    let handle = open(&fs, b"f");
    let far = 1 << 40;
    assert_eq!(handle.write_at(b"end", far), Ok(3));
    let attributes = handle.attributes().unwrap();
    assert_eq!((attributes.size, attributes.blocks), (far + 3, 8));
    let mut buf = [1; 8];
    assert_eq!(handle.read_at(&mut buf, far - 5), Ok(8));
    assert_eq!(&buf, b"\0\0\0\0\0end");
    assert_eq!(handle.read_at(&mut buf, far + 3), Ok(0));
}

#[test]
fn cutting_a_file_forgets_what_was_behind() {
    let fs = Tmpfs::new(Some(1 << 20), 0o755).unwrap();
    let handle = open(&fs, b"f");
    handle.write_at(&[7; 200_000], 0).unwrap();
    handle.set_len(100_000).unwrap();
    handle.set_len(150_000).unwrap();
    let mut buf = vec![1; 150_000];
    assert_eq!(handle.read_at(&mut buf, 0), Ok(150_000));
    assert!(buf[..100_000].iter().all(|byte| *byte == 7) && buf[100_000..].iter().all(|byte| *byte == 0));
    handle.set_len(0).unwrap();
    assert_eq!(handle.attributes().unwrap().blocks, 0);
}

#[test]
fn the_size_limit_ends_writing_and_space_comes_back() {
    let fs = Tmpfs::new(Some(100 * 1024), 0o755).unwrap();
    let handle = open(&fs, b"f");
    let data = vec![1; 200 * 1024];
    assert_eq!(handle.write_at(&data, 0), Ok(64 * 1024));
    assert_eq!(handle.write_at(&data, 64 * 1024).err(), Some(Errno::NOSPC));
    assert_eq!(handle.write_at(&data[..36 * 1024], 64 * 1024), Ok(36 * 1024));
    assert_eq!(handle.append(b"x").err(), Some(Errno::NOSPC));
    fs.root().unlink(Name::new(b"f").unwrap()).unwrap();
    assert_eq!(fs.root().figures().unwrap().free, 0);
    drop(handle);
    assert_eq!(fs.root().figures().unwrap().free, 25);
}

#[test]
fn the_inode_limit_counts_every_file() {
    let fs = Tmpfs::with_options(TmpfsOptions { inodes: Some(3), mode: 0o755, ..Default::default() }).unwrap();
    file(&fs, b"a").unwrap();
    file(&fs, b"b").unwrap();
    assert_eq!(file(&fs, b"c").err(), Some(Errno::NOSPC));
    assert_eq!(file(&fs, b"a").err(), Some(Errno::EXIST));
    fs.root().unlink(Name::new(b"a").unwrap()).unwrap();
    assert!(file(&fs, b"c").is_ok());
}

#[test]
fn memory_is_announced_and_given_back_to_the_byte() {
    let balance = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let account = balance.clone();
    let charge: Charge = Arc::new(move |bytes| {
        account
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |had| Some(had + bytes).filter(|have| *have <= 1 << 20))
            .is_ok()
    });
    let fs = Tmpfs::with_options(TmpfsOptions { charge: Some(charge), ..Default::default() }).unwrap();
    let handle = open(&fs, b"f");
    assert_eq!(handle.write_at(&vec![1; 2 << 20], 0), Ok((1 << 20) - 64 * 1024));
    handle.set_len(10).unwrap();
    let node = file(&fs, b"g").unwrap();
    node.set_xattr(b"user.a", &[0; 1000], XattrFlags::empty()).unwrap();
    node.set_xattr(b"user.a", &[0; 10], XattrFlags::empty()).unwrap();
    assert_eq!(balance.load(Ordering::SeqCst), 3 * 1024 + 4096 + 16);
    drop((node, handle, fs));
    assert_eq!(balance.load(Ordering::SeqCst), 0);
}

#[test]
fn extended_attributes_are_bounded() {
    let fs = Tmpfs::new(None, 0o755).unwrap();
    let node = file(&fs, b"f").unwrap();
    let mut set = 0;
    while node.set_xattr(format!("user.{set}").as_bytes(), &[0; 60_000], XattrFlags::empty()).is_ok() {
        set += 1;
    }
    assert_eq!(set, 2);
}

#[test]
fn contents_match_a_plain_buffer() {
    use proptest::prelude::*;
    #[derive(Clone, Debug)]
    enum Step {
        Write(usize, Vec<u8>),
        Append(Vec<u8>),
        Resize(usize),
    }
    let length = prop_oneof![0..300usize, 65_000..66_000usize, 0..200_000usize];
    let data =
        (any::<u8>(), prop_oneof![0..100usize, 4_000..70_000usize]).prop_map(|(byte, length)| vec![byte; length]);
    let step = prop_oneof![
        (length.clone(), data.clone()).prop_map(|(offset, data)| Step::Write(offset, data)),
        data.prop_map(Step::Append),
        length.prop_map(Step::Resize),
    ];
    let config = ProptestConfig { cases: 64, ..ProptestConfig::default() };
    proptest!(config, |(steps in proptest::collection::vec(step, 1..12))| {
        let fs = Tmpfs::new(Some(16 << 20), 0o755).unwrap();
        let handle = open(&fs, b"f");
        let mut model = Vec::new();
        for step in steps {
            match step {
                Step::Write(offset, data) => {
                    prop_assert_eq!(handle.write_at(&data, offset as u64), Ok(data.len()));
                    if !data.is_empty() {
                        model.resize(model.len().max(offset + data.len()), 0);
                        model[offset..offset + data.len()].copy_from_slice(&data);
                    }
                }
                Step::Append(data) => {
                    model.extend_from_slice(&data);
                    prop_assert_eq!(handle.append(&data), Ok((data.len(), model.len() as u64)));
                }
                Step::Resize(size) => {
                    handle.set_attributes(&SetAttributes { size: Some(size as u64), ..Default::default() }).unwrap();
                    model.resize(size, 0);
                }
            }
            let mut buf = vec![9; model.len() + 10];
            prop_assert_eq!(handle.read_at(&mut buf, 0), Ok(model.len()));
            prop_assert!(buf[..model.len()] == model[..]);
            let used = fs.root().figures().unwrap();
            prop_assert_eq!((used.blocks - used.free) * 8, handle.attributes().unwrap().blocks);
        }
    });
}
