//! Every cap and time-out of the wire, in one place, with its arithmetic.
//!
//! Deadlines come from the caller, who knows how much of a cycle is left; what stands here is how a
//! hop divides that time, and how much it takes in before it stops believing the other side.

use std::time::Duration;

// --- DNS

/// How long one server may think before the next one is asked. A resolver in the cluster answers in
/// milliseconds, one that must recurse in some hundred; a pod's own resolver waits 5 s, which is a
/// whole cycle of ours.
pub const DNS_SERVER_WAIT: Duration = Duration::from_secs(1);
/// How long the last server in turn may think. Nobody is left to be asked instead, so a slow server
/// is told from a silent one; 2 s leave half of a 5 s cycle to the hops behind.
pub const DNS_LAST_SERVER_WAIT: Duration = Duration::from_secs(2);
/// A question without an answer is sent once more after this long. Two datagrams fit well into
/// [`DNS_SERVER_WAIT`], and one lost datagram costs less than `dns_slow`.
pub const DNS_RESEND_AFTER: Duration = Duration::from_millis(400);
/// Once one address family has answered with addresses, or IPv4 with NXDOMAIN, the other one has
/// this much longer: as much as one lost datagram and a fast answer need.
pub const DNS_OTHER_FAMILY_WAIT: Duration = Duration::from_millis(500);
/// A server that kept silent is asked last for this long.
pub const DNS_SILENT_FOR: Duration = Duration::from_secs(60);
/// The largest answer over UDP that we announce and read: what fits one Ethernet frame everywhere,
/// and what Go announces.
pub const DNS_UDP_BYTES: usize = 1232;
/// Servers of one `resolv.conf`: as many as Go and glibc read.
pub const RESOLV_SERVERS: usize = 3;
/// The most that `ndots` may say, as for Go and glibc.
pub const RESOLV_NDOTS: usize = 15;
/// Questions in flight at a time: a server's socket buffer of 212,992 bytes (the kernel's default)
/// holds 277 small datagrams of 768 bytes each, and drops the rest. One that was not answered by
/// [`DNS_RESEND_AFTER`] has left that buffer, and counts no longer.
pub const DNS_IN_FLIGHT: usize = 256;
/// Hops of a chain of aliases before it counts as a loop.
pub const DNS_CNAME_HOPS: usize = 8;
/// Records of one answer that are kept: a headless Service with 1,000 replicas, and no more.
pub const DNS_RECORDS: usize = 1024;
/// The longest name with its dots, without the last one (RFC 1035 §2.3.4).
pub const DNS_NAME_BYTES: usize = 253;
/// The longest label of a name.
pub const DNS_LABEL_BYTES: usize = 63;

// --- TLS

/// The largest PEM file that is read: a system's whole bundle is 230 KiB.
pub const PEM_BYTES: u64 = 1 << 20;
/// Names of one certificate that are kept as evidence.
pub const CERTIFICATE_NAMES: usize = 64;
/// Sets of trust and client certificate that are kept ready; as many differing links may exist
/// before the cache is begun anew.
pub const TRUST_CACHE: usize = 1024;

// --- HTTP

/// The largest head of an answer, also what is buffered of a body at a time. Prometheus' heads are
/// 200 bytes; a gateway's cookies may be some KiB.
pub const HEAD_BYTES: usize = 64 << 10;
/// Headers in one answer.
pub const HEADERS: usize = 100;
/// Of one header's value, in bytes, what is kept.
pub const HEADER_VALUE_BYTES: usize = 1024;
/// Interim answers (1xx) and everything else beside the body may be this long in all.
pub const OVERHEAD_BYTES: usize = 256 << 10;
/// Of an answer that is no HTTP, in bytes, what is kept to show.
pub const STRANGE_BYTES: usize = 64;

// --- proxy

/// The largest head of a proxy's answer to CONNECT.
pub const PROXY_HEAD_BYTES: usize = 16 << 10;

// --- secrets

/// The largest file with a secret: a token with a hundred claims is 8 KiB.
pub const SECRET_BYTES: u64 = 64 << 10;

// --- bodies

/// The largest answer of Prometheus that is read: 30,000 series of `up` are 6 MB, and are asked for
/// once; an answer that is cut here but began well has passed.
pub const DIRECT_BODY: usize = 4 << 20;
/// The largest answer of Grafana that is read: the same data takes 2.7 times as much in its frames.
pub const GRAFANA_BODY: usize = 8 << 20;
/// The largest page of metrics that is read: a busy Grafana's is some hundred KiB.
pub const METRICS_BODY: usize = 4 << 20;
/// The largest answer that describes one thing: health, an organisation, a data source.
pub const SMALL_BODY: usize = 256 << 10;
