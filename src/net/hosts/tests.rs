use super::*;

#[test]
fn names_have_no_case_and_lines_may_hold_several() {
    let hosts = Hosts::parse(
        "# comment\n127.0.0.1\tlocalhost\n10.0.0.7 Prometheus.Example prometheus # the old one\n\
         fd00::7 prometheus\n\nnonsense here\n10.0.0.9\n10.0.0.7 prometheus\n",
    );
    let four: IpAddr = "10.0.0.7".parse().unwrap();
    let six: IpAddr = "fd00::7".parse().unwrap();
    assert_eq!(hosts.get("prometheus"), Some([four, six].as_slice()));
    assert_eq!(hosts.get("PROMETHEUS.example."), Some([four].as_slice()));
    assert_eq!(hosts.get("here"), None);
}

#[test]
fn an_empty_file_knows_no_name() {
    assert_eq!(Hosts::parse("").get("localhost"), None);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(text in ".*", name in ".*") {
        let hosts = Hosts::parse(&text);
        proptest::prop_assert!(hosts.get(&name).is_none_or(|found| !found.is_empty()));
    }
}
