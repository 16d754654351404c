use crate::store::tests::{Scratch, layer, make};
use crate::{ImportRequest, LoadRequest, Loaded, ProgressSender};
use std::io::Write;

fn save(store: &crate::ImageStore, names: &[&str]) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut out = Vec::new();
    store.save(&names, None, &mut out).unwrap();
    out
}

fn load(store: &crate::ImageStore, archive: &[u8]) -> crate::Result<Vec<Loaded>> {
    store.load(archive, &LoadRequest::default(), &ProgressSender::none())
}

#[test]
fn a_round_trip_keeps_every_byte_whatever_the_compression() {
    let one = Scratch::new();
    let store = one.open();
    let id = make(&store, &["a:1", "a:2"], &[&[("f", "x")], &[("g", "y")]], None);
    let other = make(&store, &[], &[&[("h", "z")]], None);
    let saved = save(&store, &["a", &other.short()]);
    assert_eq!(save(&store, &["a", &other.short()]), saved);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&saved).unwrap();
    let mut xz = xz2::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&saved).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&saved).unwrap();
    let zstd = zstd::encode_all(&saved[..], 1).unwrap();
    for archive in [saved.clone(), gzip.finish().unwrap(), xz.finish().unwrap(), bzip2.finish().unwrap(), zstd] {
        let two = Scratch::new();
        let store = two.open();
        let (progress, mut messages) = ProgressSender::channel();
        let loaded = store.load(&archive[..], &LoadRequest::default(), &progress).unwrap();
        drop(progress);
        let names: Vec<_> =
            loaded.iter().map(|loaded| (loaded.id, loaded.reference.as_ref().map(ToString::to_string))).collect();
        assert_eq!(
            names,
            [(id, Some("docker.io/library/a:1".into())), (id, Some("docker.io/library/a:2".into())), (other, None)]
        );
        let mut last = Vec::new();
        while let Some(message) = messages.blocking_recv() {
            last.extend(message.stream);
        }
        assert_eq!(
            last,
            ["Loaded image: a:1\n".to_owned(), "Loaded image: a:2\n".to_owned(), format!("Loaded image ID: {other}\n")]
        );
        assert_eq!(save(&store, &["a", &other.short()]), saved);
    }
}

#[test]
fn what_is_broken_leaves_nothing_behind() {
    let one = Scratch::new();
    let store = one.open();
    make(&store, &["a"], &[&[("f", "x")]], None);
    let saved = save(&store, &["a"]);
    let two = Scratch::new();
    let store = two.open();
    let at = saved.windows(512).position(|block| block.starts_with(b"blobs/sha256/")).unwrap();
    let mut wrong = saved.clone();
    // Another blob's contents: the digest no longer fits.
    let contents = wrong[at + 512..].iter().position(|byte| *byte != 0).unwrap() + at + 512;
    wrong[contents + 1] ^= 1;
    for broken in [&saved[..saved.len() / 2], &saved[..700], &wrong, b"no archive at all", &layer(&[("x", "y")])] {
        assert!(load(&store, broken).is_err());
        assert!(store.list(true).is_empty());
        for place in ["layers", "staging", "blobs/sha256"] {
            assert_eq!(std::fs::read_dir(two.path().join(place)).unwrap().count(), 0, "{place}");
        }
    }
    load(&store, &saved).unwrap();
    assert!(store.resolve("a").is_ok());
}

#[test]
fn an_imported_tree_is_an_image_of_one_layer() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let request = ImportRequest {
        message: "Imported from -".into(),
        reference: Some("imported".parse().unwrap()),
        ..ImportRequest::default()
    };
    let id = store.import(&layer(&[("f", "xyz")])[..], &request, &ProgressSender::none()).unwrap();
    let image = store.resolve("imported:latest").unwrap();
    assert_eq!((image.id, image.size, image.config.comment.as_str()), (id, 3, "Imported from -"));
}
