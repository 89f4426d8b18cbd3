use std::io::Read as _;

use flate2::read::GzDecoder;

use super::*;

#[test]
fn a_bomb_unpacks_to_far_more_than_it_weighs() {
    let (start, block) = bomb();
    assert!(block.len() < 4096, "{}", block.len());
    let bytes = [start, block.repeat(64)].concat();
    let mut unpacked = vec![0; 32 * 1024 * 1024];
    GzDecoder::new(bytes.as_slice()).read_exact(&mut unpacked).unwrap();
    assert!(unpacked.iter().all(|byte| *byte == b' '));
}

#[test]
fn requests_are_read() {
    let head = "POST /api/v1/query?time=4 HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: a:b\r\n\r\n";
    let request = Request::parse(head).unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/api/v1/query"));
    assert_eq!(request.parameter("time"), "4");
    assert_eq!(request.header("x-scope-orgid"), "a:b");
    assert!(Request::parse("\r\n\r\n").is_none());
}
