//! A proxy on Grafana's way, as `HTTP_PROXY` sets one for the whole process: often for names inside
//! the cluster as well, for which it was never meant.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest head that is read.
const MAX_HEAD: usize = 4096;

/// Asks for a tunnel to `authority`; what a proxy says that will not dig it.
///
/// # Errors
/// The connection broke.
pub async fn tunnel(stream: &mut TcpStream, authority: &str) -> io::Result<Result<(), String>> {
    let ask = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.lines().next().unwrap_or_default().splitn(3, ' ').skip(1);
    let (status, reason) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // Go keeps the reason, and nothing else.
    Ok(if status == "200" { Ok(()) } else { Err(reason.to_owned()) })
}
