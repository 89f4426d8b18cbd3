use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Pushes in pieces of `size` bytes until it takes no more; how many bytes that were.
fn pour(sink: &mut Sink, bytes: &[u8], size: usize) -> usize {
    bytes.chunks(size).take_while(|piece| sink.push(piece)).map(<[u8]>::len).sum()
}

fn kept(encoding: Option<&str>, cap: usize, bytes: &[u8]) -> Kept {
    let mut sink = Sink::new(encoding, cap);
    pour(&mut sink, bytes, 7);
    sink.finish(true)
}

#[test]
fn a_plain_body_is_kept_up_to_the_cap() {
    let whole = Kept { bytes: b"0123456789".to_vec(), cut: false, broken: false };
    assert_eq!(kept(None, 10, b"0123456789"), whole);
    assert_eq!(kept(Some("identity"), 11, b"0123456789"), whole);
    let cut = Kept { bytes: b"012345678".to_vec(), cut: true, broken: false };
    assert_eq!(kept(None, 9, b"0123456789"), cut);
    assert_eq!(kept(None, 0, b"0").bytes, b"");
}

#[test]
fn gzip_is_undone_whatever_its_name_and_members() {
    let two = [gzip(b"01234"), gzip(b"56789")].concat();
    let whole = Kept { bytes: b"0123456789".to_vec(), cut: false, broken: false };
    for encoding in ["gzip", " GZIP ", "x-gzip"] {
        assert_eq!(kept(Some(encoding), 10, &gzip(b"0123456789")), whole, "{encoding}");
    }
    assert_eq!(kept(Some("gzip"), 10, &two), whole);
    assert_eq!(kept(Some("br"), 10, b"0123456789"), whole);
}

#[test]
fn a_gzip_bomb_stops_at_the_cap() {
    let bomb = gzip(&vec![0; 2 << 20]);
    let mut sink = Sink::new(Some("gzip"), 256 << 10);
    let taken = pour(&mut sink, &bomb, 256);
    assert!(taken < bomb.len() / 4, "{taken} of {}", bomb.len());
    let kept = sink.finish(false);
    assert_eq!((kept.bytes.len(), kept.cut, kept.broken), (256 << 10, true, false));
}

#[test]
fn what_is_no_gzip_is_broken() {
    assert!(kept(Some("gzip"), 100, b"{\"status\":\"success\"}").broken);
    let mut wrong = gzip(b"0123456789");
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    assert!(kept(Some("gzip"), 100, &wrong).broken);
    let cut_off = gzip(b"0123456789");
    assert!(kept(Some("gzip"), 100, &cut_off[..cut_off.len() - 4]).broken);
}

#[test]
fn no_body_at_all_is_not_broken() {
    assert_eq!(kept(Some("gzip"), 100, b""), Kept { bytes: Vec::new(), cut: false, broken: false });
}

#[test]
fn a_body_that_stops_midway_leaves_what_came() {
    let bytes = b"0123456789".repeat(1000);
    let packed = gzip(&bytes);
    let mut sink = Sink::new(Some("gzip"), 1 << 20);
    assert!(sink.push(&packed[..packed.len() - 10]));
    let kept = sink.finish(false);
    assert!(!kept.broken && bytes.starts_with(&kept.bytes) && !kept.bytes.is_empty());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_taken_in_without_panic(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
        head in proptest::bool::ANY,
        size in 1_usize..50,
        whole in proptest::bool::ANY,
    ) {
        let start = if head { gzip(b"")[..10].to_vec() } else { Vec::new() };
        let mut sink = Sink::new(Some("gzip"), 100);
        pour(&mut sink, &[start, bytes].concat(), size);
        proptest::prop_assert!(sink.finish(whole).bytes.len() <= 100);
    }
}
