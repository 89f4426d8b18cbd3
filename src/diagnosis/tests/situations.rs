//! The concrete cases of the design, whole.

use super::told;
use crate::diagnosis::diagnose;
use crate::report::sample;

const SITUATIONS: &str = include_str!("../../../tests/it/fixtures/situations.tsv");

#[test]
fn situations_are_judged_as_the_design_says() {
    let mut wrong = Vec::new();
    let rows: Vec<&str> = SITUATIONS.lines().filter(|line| !line.starts_with('#')).collect();
    for line in &rows {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        let (situation, direct, grafana) = (next(), next(), next());
        let expected = [next(), next(), next(), next(), next()];
        let found = told(&diagnose(&sample::report(direct, grafana)));
        if found != expected {
            wrong.push(format!("{situation}: expected {expected:?}, found {found:?}"));
        }
    }
    assert_eq!(rows.len(), 71);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
