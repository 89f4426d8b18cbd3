//! One question and what its answers say. The codec is hickory's, the judgement is ours.

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record as Resource, RecordType};

use crate::net::dns::{DnsFailure, Kind, Record};
use crate::net::limits::{
    DNS_CNAME_HOPS, DNS_LABEL_BYTES, DNS_NAME_BYTES, DNS_RECORDS, DNS_UDP_BYTES,
};

/// A question, ready to be sent.
#[derive(Debug)]
pub struct Question {
    /// The message behind its length, as TCP wants it.
    framed: Vec<u8>,
    id: u16,
    query: Query,
}

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// Something that settles the question.
    Whole(Result<Answer, Denied>),
    /// The answer did not fit.
    Truncated,
}

/// What a server answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Records of the kind asked for.
    Found(Found),
    /// Only a chain of aliases, which ends at this name.
    Alias(String),
}

/// Records of the kind asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// Never empty.
    pub records: Vec<Record>,
    /// The least along the chain of aliases.
    pub ttl: Duration,
}

/// A denial or a failure.
#[derive(Debug, PartialEq, Eq)]
pub struct Denied {
    /// Which.
    pub failure: DnsFailure,
    /// The owner of the SOA record beside a denial.
    pub by: Option<String>,
}

/// Why a message is no answer; neither ends the waiting for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It answers something else.
    Stray,
    /// It cannot be read.
    Garbage,
}

// === impl Question ===

impl Question {
    /// A question for `name`, absolute, without its last dot.
    ///
    /// # Errors
    /// `name` cannot be a DNS name, or no randomness for the id.
    pub fn new(name: &str, kind: Kind) -> Result<Self, DnsFailure> {
        if !is_name(name) {
            return Err(DnsFailure::InvalidName);
        }
        let mut parsed = Name::from_ascii(name).map_err(|_| DnsFailure::InvalidName)?;
        parsed.set_fqdn(true);
        let random = getrandom::u32().map_err(|error| DnsFailure::Local(error.to_string()))?;
        let [high, low, ..] = random.to_ne_bytes();
        let id = u16::from_ne_bytes([high, low]);
        let query = Query::query(parsed, kind.record_type());
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(query.clone());
        let mut edns = Edns::new();
        edns.set_max_payload(u16::try_from(DNS_UDP_BYTES).unwrap_or(u16::MAX));
        message.set_edns(edns);
        let message = message.to_vec().map_err(|_| DnsFailure::InvalidName)?;
        let length = u16::try_from(message.len()).map_err(|_| DnsFailure::InvalidName)?;
        let framed = [&length.to_be_bytes(), message.as_slice()].concat();
        Ok(Self { framed, id, query })
    }

    /// The message behind its length of two bytes, for TCP.
    pub fn framed(&self) -> &[u8] {
        &self.framed
    }

    /// The message alone, for UDP.
    pub fn datagram(&self) -> &[u8] {
        &self.framed[2..]
    }

    /// Reads a message that came from the server.
    ///
    /// # Errors
    /// It is no answer to this question.
    pub fn read(&self, bytes: &[u8]) -> Result<Said, Unfit> {
        let Some((&[a, b, flags, ..], _)) = bytes.split_first_chunk::<12>() else {
            return Err(Unfit::Garbage);
        };
        let ours = u16::from_be_bytes([a, b]) == self.id && flags & 0x80 != 0;
        let truncated = flags & 0x02 != 0;
        let message = match Message::from_vec(bytes) {
            Ok(message) if ours => message,
            Ok(_) => return Err(Unfit::Stray),
            // Cut anywhere, also in the middle of a record.
            Err(_) if ours && truncated => return Ok(Said::Truncated),
            Err(_) => return Err(Unfit::Garbage),
        };
        // Some servers leave the question out of an error.
        let bare_error =
            message.queries.is_empty() && message.metadata.response_code != ResponseCode::NoError;
        if !bare_error && message.queries.first() != Some(&self.query) {
            return Err(Unfit::Stray);
        }
        Ok(if truncated { Said::Truncated } else { Said::Whole(self.judge(&message)) })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a list that others extend")]
    fn judge(&self, message: &Message) -> Result<Answer, Denied> {
        let soa = soa(message);
        let failure = match message.metadata.response_code {
            ResponseCode::NoError => match self.answer(message) {
                Some(answer) => return Ok(answer),
                // A referral by one that will not ask on: it does not serve this name.
                None if soa.is_none() && is_lame(message) => DnsFailure::Refused,
                None => DnsFailure::NoData,
            },
            ResponseCode::NXDomain => DnsFailure::NxDomain,
            ResponseCode::ServFail => DnsFailure::ServFail {
                unsynchronised: soa.as_ref().is_some_and(|(_, serial)| *serial == 0),
            },
            ResponseCode::Refused => DnsFailure::Refused,
            other => DnsFailure::OtherRcode(other.into()),
        };
        Err(Denied { failure, by: soa.map(|(owner, _)| owner) })
    }

    /// As for Go, a record counts whoever owns it: servers that rewrite names do not always rewrite
    /// their answers.
    fn answer(&self, message: &Message) -> Option<Answer> {
        let wanted = self.query.query_type;
        let of_kind = message.answers.iter().filter(|record| record.record_type() == wanted);
        let records: Vec<_> = of_kind.filter_map(record).take(DNS_RECORDS).collect();
        let ttl = message.answers.iter().map(|record| record.ttl).min()?;
        let ttl = Duration::from_secs(ttl.into());
        if !records.is_empty() {
            return Some(Answer::Found(Found { records, ttl }));
        }
        let end = end_of_chain(&self.query.name, &message.answers)?;
        Some(Answer::Alias(text(end)))
    }
}

// === impl Denied ===

impl Denied {
    /// Whether it is the name that does not exist, whatever the kind asked for.
    pub fn is_of_name(&self) -> bool {
        self.failure == DnsFailure::NxDomain
    }
}

impl From<DnsFailure> for Denied {
    fn from(failure: DnsFailure) -> Self {
        Self { failure, by: None }
    }
}

// === impl Kind ===

impl Kind {
    fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Srv => RecordType::SRV,
        }
    }
}

/// Whether Go would ask for it: letters, digits, hyphens within and underscores, not only digits.
pub fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=DNS_LABEL_BYTES).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.len() <= DNS_NAME_BYTES
        && name.split('.').all(label)
        && name.bytes().any(|b| !b.is_ascii_digit() && b != b'.')
}

/// A name as people write it.
fn text(name: &Name) -> String {
    let mut text = name.to_ascii();
    if text.len() > 1 && text.ends_with('.') {
        text.pop();
    }
    text
}

fn is_lame(message: &Message) -> bool {
    !message.metadata.authoritative && !message.metadata.recursion_available
}

/// The owner and the serial of the SOA record in the authority section.
#[expect(clippy::wildcard_enum_match_arm, reason = "a list that others extend")]
fn soa(message: &Message) -> Option<(String, u32)> {
    message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some((text(&record.name), soa.serial)),
        _ => None,
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a list that others extend")]
fn record(resource: &Resource) -> Option<Record> {
    match &resource.data {
        RData::A(address) => Some(Record::Address(IpAddr::V4(address.0))),
        RData::AAAA(address) => Some(Record::Address(IpAddr::V6(address.0))),
        RData::SRV(srv) => Some(Record::Srv { port: srv.port, target: text(&srv.target) }),
        _ => None,
    }
}

/// Where the aliases lead that begin at `name`; none when there is no alias.
#[expect(clippy::wildcard_enum_match_arm, reason = "a list that others extend")]
fn end_of_chain<'a>(name: &'a Name, answers: &'a [Resource]) -> Option<&'a Name> {
    let next = |from: &Name| {
        answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *from => Some(&target.0),
            _ => None,
        })
    };
    let mut end = next(name)?;
    for _ in 0..DNS_CNAME_HOPS {
        match next(end) {
            Some(further) => end = further,
            None => break,
        }
    }
    Some(end)
}

#[cfg(test)]
mod tests;
