use super::*;

#[test]
fn escapes_what_a_form_or_a_path_would_read() {
    assert_eq!(escape("up{a=\"ü/b\"} + 1"), "up%7Ba%3D%22%C3%BC%2Fb%22%7D%20%2B%201");
}
