//! Bodies that are made while they are sent: one piece at a time, compressed on the way if asked.

use std::convert::Infallible;
use std::io::Write;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Frame;

/// A response whose body is made while it is sent.
pub fn streamed<P>(pieces: P, kind: &'static str, request: &HeaderMap) -> Response
where
    P: Iterator<Item = Vec<u8>> + Send + Unpin + 'static,
{
    let gzip = accepts_gzip(request);
    // Level 1: 5 MB instead of 43 for 10,000 links, at a seventh of the CPU of level 6.
    let encoder = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let mut response = Response::new(Body::new(Streamed { pieces, encoder, ended: false }));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether `Accept-Encoding` has gzip, and not with a weight of zero.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|one| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight: String = weight.chars().filter(|c| !c.is_whitespace()).collect();
        let refused = matches!(weight.as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        coding.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// A body that makes its next piece when it is asked for one.
struct Streamed<P> {
    pieces: P,
    encoder: Option<GzEncoder<Vec<u8>>>,
    ended: bool,
}

impl<P: Iterator<Item = Vec<u8>>> Streamed<P> {
    fn next(&mut self) -> Option<Vec<u8>> {
        while !self.ended {
            let piece = self.pieces.next();
            self.ended = piece.is_none();
            let piece = piece.unwrap_or_default();
            let ready = match &mut self.encoder {
                None => piece,
                Some(encoder) => {
                    // Writing to a Vec cannot fail.
                    drop(encoder.write_all(&piece));
                    if self.ended {
                        drop(encoder.try_finish());
                    }
                    mem::take(encoder.get_mut())
                }
            };
            if !ready.is_empty() {
                return Some(ready);
            }
        }
        None
    }
}

impl<P: Iterator<Item = Vec<u8>> + Unpin> HttpBody for Streamed<P> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().next().map(|piece| Ok(Frame::data(Bytes::from(piece)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_only_where_it_is_wanted() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };
        assert!(accepts("gzip"));
        assert!(accepts("br, GZIP;q=0.5"));
        assert!(!accepts("gzip; q=0"));
        assert!(!accepts("br"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
