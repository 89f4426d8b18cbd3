use proptest::{array, collection, num};

use super::*;

fn question() -> Question {
    Question::new("prometheus.monitoring.svc.cluster.local", Kind::A).unwrap()
}

#[test]
fn a_question_announces_how_much_it_reads() {
    let question = question();
    let message = Message::from_vec(question.datagram()).unwrap();
    assert_eq!(message.queries.first(), Some(&question.query));
    assert_eq!(usize::from(message.max_payload()), DNS_UDP_BYTES);
    assert!(message.metadata.recursion_desired);
    let [high, low, rest @ ..] = question.framed() else { panic!() };
    assert_eq!(usize::from(u16::from_be_bytes([*high, *low])), rest.len());
}

#[test]
fn ids_differ() {
    let ids: std::collections::BTreeSet<_> = (0..16).map(|_| question().id).collect();
    assert!(ids.len() > 8, "{ids:?}");
}

#[test]
fn names_are_those_that_go_would_ask_for() {
    let longest =
        format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61));
    for good in ["a", "_web._tcp.a-b.example", "1a.2", "7-7", &longest] {
        assert!(is_name(good), "{good}");
        assert!(Question::new(good, Kind::Srv).is_ok(), "{good}");
    }
    let too_long = format!("{longest}d");
    for bad in ["", ".", "a.", ".a", "a..b", "-a", "a-", "a/b", "10.0.0.7", "a\\.b", &too_long] {
        assert!(!is_name(bad), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in collection::vec(num::u8::ANY, 0..600)) {
        let read = question().read(&bytes);
        proptest::prop_assert!(read != Ok(Said::Truncated) || bytes[2] & 2 != 0);
    }

    #[test]
    fn any_bytes_behind_a_fitting_head_are_read_without_panic(
        flags in num::u16::ANY,
        counts in array::uniform3(0_u8..6),
        bytes in collection::vec(num::u8::ANY, 0..600),
    ) {
        let question = question();
        let [high, low] = question.id.to_be_bytes();
        let [more, less] = (flags | 0x8000).to_be_bytes();
        let [answers, authorities, additionals] = counts;
        let mut message = vec![high, low, more, less, 0, 1];
        message.extend([0, answers, 0, authorities, 0, additionals]);
        // The question as it was sent, without the EDNS record of eleven bytes behind it.
        let sent = question.datagram();
        message.extend_from_slice(&sent[12..sent.len() - 11]);
        message.extend_from_slice(&bytes);
        let read = question.read(&message);
        proptest::prop_assert!(read != Ok(Said::Truncated) || flags & 0x200 != 0);
    }
}

/// Fuzz target: the first bytes are flags and counts behind a fitting id and question, or, where
/// the very first one is odd, everything is the message.
#[test]
fn fuzz_messages() {
    let mut question = question();
    question.id = 0x1234;
    let sent = question.datagram()[12..question.datagram().len() - 11].to_vec();
    let name = [0xc0, 12];
    let answer = [&name[..], &[0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 0, 0, 7]].concat();
    let chain = [&name[..], &[0, 5, 0, 1, 0, 0, 0, 5, 0, 2, 0xc0, 12]].concat();
    let seeds = [&[][..], &answer, &chain].map(|records| {
        let count = u8::from(!records.is_empty());
        [&[0, 0x81, 0x80, count, 0, 0][..], records].concat()
    });
    crate::fuzz::run(seeds.to_vec(), |bytes| {
        let message = match bytes {
            [first, high, low, answers, authorities, additionals, records @ ..]
                if first % 2 == 0 =>
            {
                let counts = [0, 1, 0, *answers, 0, *authorities, 0, *additionals];
                [&[0x12, 0x34, *high, *low][..], &counts, &sent, records].concat()
            }
            _ => bytes.to_vec(),
        };
        match question.read(&message) {
            Ok(Said::Truncated) => assert!(message[2] & 2 != 0),
            // What is an answer is ours: its id, and the bit that says so.
            Ok(Said::Whole(_)) => {
                assert_eq!(message[..2], [0x12, 0x34]);
                assert!(message[2] & 0x82 == 0x80);
            }
            Err(Unfit::Stray | Unfit::Garbage) => {}
        }
    });
}
