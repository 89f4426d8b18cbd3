//! Tells systemd that we serve, where it started us and waits for that (`Type=notify`).
//!
//! One datagram is all of the protocol that a unit needs: `systemctl start` then returns when the
//! port is bound, or says why not.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixDatagram;

/// Where systemd listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Says that we are ready, if anybody waits for that.
pub fn ready() {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    if let Err(error) = send(&socket) {
        let socket = socket.display();
        tracing::warn!(%error, %socket, "cannot tell systemd that promlink serves; it may end it");
    }
}

fn send(socket: &OsString) -> io::Result<usize> {
    UnixDatagram::unbound()?.send_to(b"READY=1", socket)
}
