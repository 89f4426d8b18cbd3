//! Several organisations in one Grafana: each has data sources and tokens of its own.

use std::collections::BTreeSet;

use crate::demo::grafana::{Datasource, Setup, accounts};
use crate::demo::http::Request;

/// An organisation beside the first one.
#[derive(Clone, Debug, PartialEq)]
pub struct Organisation {
    /// Its id.
    pub id: u64,
    /// Its data sources.
    pub datasources: Vec<Datasource>,
    /// The tokens that open it.
    pub tokens: BTreeSet<String>,
}

/// What Grafana is to whoever asks. A token belongs to one organisation, whatever the header says;
/// a person is in all of them, and says which.
pub fn seen_by(request: &Request, mut setup: Setup) -> Setup {
    let token = request.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
    let wanted = wanted(request);
    let is_it = |other: &Organisation| {
        other.tokens.contains(token)
            || (accounts::is_admin(request, &setup) && wanted == Some(other.id))
    };
    if let Some(index) = setup.others.iter().position(is_it) {
        let other = setup.others.swap_remove(index);
        setup.org_id = other.id;
        setup.datasources = other.datasources;
        setup.tokens = other.tokens;
    }
    setup
}

/// Whether an administrator asks for an organisation that is not there.
pub fn is_unknown(request: &Request, setup: &Setup) -> bool {
    let is_there = |id| setup.org_id == id || setup.others.iter().any(|other| other.id == id);
    accounts::is_admin(request, setup) && wanted(request).is_some_and(|id| !is_there(id))
}

/// Lets a new token open the organisation that was asked for.
pub fn let_in(token: String, request: &Request, setup: &mut Setup) {
    let wanted = wanted(request);
    match setup.others.iter_mut().find(|other| wanted == Some(other.id)) {
        Some(other) => other.tokens.insert(token),
        None => setup.tokens.insert(token),
    };
}

fn wanted(request: &Request) -> Option<u64> {
    request.header("x-grafana-org-id").parse().ok()
}
