//! A family of recorded answers in one file: what each line means is in `fixtures/README.md`.

/// What stands in such a file.
#[derive(Clone, Debug)]
pub enum Item {
    /// A condition begins; the answers that follow belong to it.
    Condition { name: String, url: String, about: String },
    /// An answer, whose name begins with that of its condition.
    Answer(Answer),
}

/// One recorded answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub name: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// All that is in the file of the family, in order.
pub fn read(family: &str) -> Vec<Item> {
    let path = format!("{}/tests/it/fixtures/{family}.txt", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut items = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = str::from_utf8(&rest[..end]).unwrap();
        rest = &rest[end + 1..];
        let mut parts = head.split(" | ");
        let mut part = || parts.next().unwrap().to_owned();
        let first = part();
        if let Some(name) = first.strip_prefix("# ") {
            items.push(Item::Condition { name: name.to_owned(), url: part(), about: part() });
            continue;
        }
        let [name, status, bytes] = first.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{path}: {head}")
        };
        let length: usize = bytes.parse().unwrap();
        let headers = parts.map(|header| header.split_once(": ").unwrap());
        items.push(Item::Answer(Answer {
            name: name.to_owned(),
            status: status.parse().unwrap(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: rest[..length].to_vec(),
        }));
        assert_eq!(rest[length], b'\n', "{path}: an editor changed the body of {name}");
        rest = &rest[length + 1..];
    }
    items
}
