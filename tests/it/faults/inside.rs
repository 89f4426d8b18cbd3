//! Lines that need a network of the test's own: proven inside of one, counted outside.
//!
//! The first of them that is asked for runs the whole of the inside once; each then has its own
//! proof, so that one number counts them all.

use std::collections::BTreeMap;
use std::io::Write as _;

use tokio::sync::OnceCell;

use super::PROOF;
use super::row::Row;
use super::table::{self, Line, Proof, Section};
use crate::namespace;

/// Before each proof that the inside hands out, as JSON.
const MARK: &str = "proof: ";

/// Proves all lines, and hands the proofs out.
pub async fn prove(sections: Vec<Section>) {
    let mut text = String::new();
    for (name, proof) in table::proven(sections).await {
        let (kind, why) = match proof {
            Proof::Right => ("right", String::new()),
            Proof::Wrong(why) => ("wrong", why),
            Proof::Skipped(why) => ("skipped", why),
        };
        text += &format!("{MARK}{}\n", serde_json::json!([name, kind, why]));
    }
    std::io::stdout().write_all(text.as_bytes()).unwrap();
}

/// A line of this section that is proven inside.
pub fn proven(section: &str, row: Row) -> Line {
    let name = format!("{section}: {}", row.name());
    let beside = row.found_beside().to_owned();
    let line = Line::new(row.name(), [row.told()], async move {
        match INSIDE.get_or_init(run).await {
            Ok(proofs) => proofs
                .get(&name)
                .cloned()
                .unwrap_or_else(|| Proof::Wrong("\n  it was not proven".to_owned())),
            Err(why) => Proof::Skipped(why.clone()),
        }
    });
    line.beside(beside)
}

static INSIDE: OnceCell<Result<BTreeMap<String, Proof>, String>> = OnceCell::const_new();

async fn run() -> Result<BTreeMap<String, Proof>, String> {
    let said =
        tokio::task::spawn_blocking(|| namespace::run_inside(PROOF, &["nft"])).await.unwrap()?;
    let proofs = said.lines().filter_map(|line| {
        let [name, kind, why]: [String; 3] =
            serde_json::from_str(line.split_once(MARK)?.1).unwrap();
        let proof = match kind.as_str() {
            "right" => Proof::Right,
            "wrong" => Proof::Wrong(why),
            _ => Proof::Skipped(why),
        };
        Some((name, proof))
    });
    Ok(proofs.collect())
}
